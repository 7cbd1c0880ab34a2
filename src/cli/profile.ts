import { suggest } from "#base/suggest";
import { PROFILE_NAMES, type ProfileName } from "#tcp/words/profiles";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";

/** Reads `--profile`. @throws CliError for an unknown name */
export function profileOf(flags: Flags): ProfileName | undefined {
  const name = flags.text("profile");
  if (name === undefined) return undefined;
  const found = PROFILE_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  const near = suggest(name, PROFILE_NAMES);
  const fix = near === undefined ? "" : `--profile ${near}`;
  throw usageError(`there is no profile ${name === "" ? '""' : name}`, `there are ${PROFILE_NAMES.join(", ")}`, fix);
}

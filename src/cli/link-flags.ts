import { readFileSync } from "node:fs";
import { LinkSyntaxError } from "#device/link-error";
import type { DeliveryTrace } from "#device/link-profile";
import { CLEAR_LINK } from "#device/link-profile";
import { linksText } from "#device/link-text";
import { parseTrace } from "#device/link-trace";
import { LINK_GRAMMAR, type LinkProfiles, parseLinks } from "#device/link-words";
import { fileError, usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";

/** What the link flags ask for. */
export interface Impairment {
  readonly profiles: LinkProfiles;
  readonly seed: number;
  /** In netem's words, with the seed: the line that makes the same link again. */
  readonly text: string;
}

/** In this order: `reorder` needs the delay. */
const CLAUSES = ["delay", "jitter", "rate", "queue", "loss", "loss-ge", "duplicate", "corrupt", "reorder"] as const;

/** The flags that make a link worse; also the ones that `demo` hands on. */
export const LINK_FLAGS: readonly string[] = ["link", ...CLAUSES, "seed"];

/** A trace file. Throws CliError where it cannot be read, LinkSyntaxError where it is none. */
export function readTrace(name: string): DeliveryTrace {
  let text: string;
  try {
    text = readFileSync(name, "utf8");
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw fileError(name, code, message, "read");
  }
  return parseTrace(text, name);
}

/** Reads the link flags: `--link` first, the single ones on top of it. Null where none was given. */
export function impairment(flags: Flags): Impairment | null {
  let profiles: LinkProfiles = { out: CLEAR_LINK, in: CLEAR_LINK };
  let asked = false;
  for (const flag of LINK_FLAGS) {
    const given = flags.text(flag);
    if (given === undefined || flag === "seed") continue;
    asked = true;
    profiles = readClause(flag, given, profiles);
  }
  const seed = flags.whole("seed", 0, 0xffff_ffff) ?? Math.floor(Math.random() * 100_000);
  if (!asked) return null;
  return { profiles, seed, text: `${linksText(profiles)}, seed ${seed}` };
}

function readClause(flag: string, given: string, base: LinkProfiles): LinkProfiles {
  const clause = flag === "loss-ge" ? `loss gemodel ${given.replaceAll(",", " ")}` : `${flag} ${given}`;
  const words = flag === "link" ? given : clause;
  try {
    return parseLinks(words, base, readTrace);
  } catch (error) {
    if (!(error instanceof LinkSyntaxError)) throw error;
    const fix = flag === "link" ? `the language:\n${LINK_GRAMMAR}` : `see: --help`;
    throw usageError(`--${flag} ${given} cannot be understood`, `${error.message}\n${error.pointed()}`, fix);
  }
}

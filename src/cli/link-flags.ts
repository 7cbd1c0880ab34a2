import { LinkSyntaxError } from "#device/link-error";
import type { DeliveryTrace } from "#device/link-profile";
import { CLEAR_LINK } from "#device/link-profile";
import { linksText } from "#device/link-text";
import { parseTrace } from "#device/link-trace";
import { type LinkProfiles, missing, parseLinks, type TraceReader } from "#device/link-words";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";
import { readNamed } from "./named-files.ts";
import { asTyped } from "./program.ts";

/** What the link flags ask for. */
export interface Impairment {
  readonly profiles: LinkProfiles;
  readonly seed: number;
  /** The link in netem's words, with the seed, so that it can be made again. */
  readonly text: string;
  /** Names of the trace files that were read. */
  readonly traces: readonly string[];
}

/** In this order, since `reorder` needs the delay. */
const CLAUSES = ["delay", "jitter", "rate", "queue", "loss", "loss-ge", "duplicate", "corrupt", "reorder"] as const;

/** The flags for a bad link; `demo` passes them on. */
export const LINK_FLAGS: readonly string[] = ["link", ...CLAUSES, "seed"];

/** Returns the text of a file. */
export type TextReader = (name: string) => string;

/** Reads a trace file. Throws CliError if it cannot be read, LinkSyntaxError if it is not a trace. */
export function readTrace(name: string, readText: TextReader = readNamed): DeliveryTrace {
  return parseTrace(readText(name), name);
}

/** Reads the link flags: first `--link`, then the single ones on top of it. Null if none was given. @param readText reads traces */
export function impairment(flags: Flags, readText: TextReader = readNamed): Impairment | null {
  let profiles: LinkProfiles = { out: CLEAR_LINK, in: CLEAR_LINK };
  let asked = false;
  const traces: string[] = [];
  for (const flag of LINK_FLAGS) {
    const given = flags.text(flag);
    if (given === undefined || flag === "seed") continue;
    asked = true;
    profiles = readClause(flag, given, profiles, (name) => {
      traces.push(name);
      return readTrace(name, readText);
    });
  }
  const seed = flags.whole("seed", 0, 0xffff_ffff) ?? Math.floor(Math.random() * 100_000);
  if (!asked) return null;
  if (flags.text("loss") !== undefined && flags.text("loss-ge") !== undefined) {
    throw usageError("--loss and --loss-ge exclude each other", "each of them sets the loss", "give one of them");
  }
  checkComplete(profiles);
  return { profiles, seed, text: `${linksText(profiles)}, seed ${seed}`, traces };
}

/** Refuses a seed without a link, for commands in which only the link uses random numbers. */
export function refuseLoneSeed(flags: Flags, link: Impairment | null): void {
  if (link !== null || flags.text("seed") === undefined) return;
  throw usageError(
    "--seed needs a link flag",
    "it repeats the random losses of a link, and there is no link",
    "add --loss 1%",
  );
}

function readClause(flag: string, given: string, base: LinkProfiles, reader: TraceReader): LinkProfiles {
  const clause = flag === "loss-ge" ? `loss gemodel ${given.replaceAll(",", " ")}` : `${flag} ${given}`;
  const words = flag === "link" ? given : clause;
  try {
    return parseLinks(words, base, reader, true);
  } catch (error) {
    if (!(error instanceof LinkSyntaxError)) throw error;
    const fix = asTyped("tcpnet link --help explains every word, with examples");
    const typed = given.includes(" ") ? `"${given}"` : given;
    throw usageError(`--${flag} ${typed} cannot be understood`, `${error.message}\n${error.pointed()}`, fix);
  }
}

/** Checks all flags together. */
function checkComplete(profiles: LinkProfiles): void {
  const lack = missing(profiles.out) ?? missing(profiles.in);
  if (lack === null) return;
  const [word] = lack.example.split(" ");
  const fix = lack.example === "" ? "" : `add --${lack.example}, or ${word} in --link`;
  throw usageError(`the link's ${lack.clause} needs ${lack.needs}`, lack.why, fix);
}

import type { BuiltInControl } from "#tcp/words/params";
import { usageError } from "./cli-error.ts";
import { controlOf, pacingOf } from "./control-flags.ts";
import type { Flags } from "./flags.ts";
import { type Impairment, impairment, LINK_FLAGS, refuseLoneSeed } from "./link-flags.ts";
import { captureTarget } from "./open-capture.ts";
import { checkRights } from "./privileges.ts";
import { checkWatch, mannerOf, packetsOf, reportTarget, saveTarget, webOf } from "./session-options.ts";
import type { Manner } from "./voice.ts";

/** The demo's checked options. */
export interface DemoOptions {
  /** Bytes in each direction. */
  readonly size: number;
  readonly mtu: number;
  readonly offload: boolean;
  readonly memory: boolean;
  /** The congestion control and the pace of both sides; undefined: the stack's defaults. */
  readonly cc: BuiltInControl | undefined;
  readonly pacing: boolean | number | undefined;
  readonly impairment: Impairment | null;
  /** `--cc` and `--pacing` as typed, to pass them to host and peer. */
  readonly controlArguments: readonly string[];
  /** The link flags as typed, to pass them to host or peer. */
  readonly linkArguments: readonly string[];
  /** The flags about root's privileges, to pass on as well. */
  readonly rightsArguments: readonly string[];
  readonly write: string | undefined;
  /** The file of the events of both sides; "-": standard output. */
  readonly events: string | undefined;
  /** The file of the report. */
  readonly report: string | undefined;
  /** The replay file. */
  readonly save: string | undefined;
  /** Print every segment, and every decision, too. */
  readonly packets: boolean;
  readonly explain: boolean;
  readonly manner: Manner;
  /** Show a dashboard; for programs: figures ten times a second. */
  readonly watch: boolean;
  /** The port of the live page. */
  readonly web: number | undefined;
}

const SIZE = 8e6;
/** Bytes over a bad link: it is slow, and this is enough to see its effects. */
const SIZE_IMPAIRED = 1e6;

export function demoOptions(flags: Flags): DemoOptions {
  const link = impairment(flags);
  refuseLoneSeed(flags, link);
  if (flags.has("watch")) checkWatch(flags, false);
  const size = flags.size("size") ?? (link === null ? SIZE : SIZE_IMPAIRED);
  const given = LINK_FLAGS.map((name) => [name, flags.text(name)] as const);
  return {
    size,
    mtu: flags.whole("mtu", 576, 65_535) ?? 1500,
    offload: flags.has("offload"),
    memory: flags.has("memory"),
    cc: controlOf(flags),
    pacing: pacingOf(flags),
    controlArguments: ["cc", "pacing"].flatMap((name) => {
      const value = flags.text(name);
      return value === undefined ? [] : [`--${name}`, value];
    }),
    impairment: link,
    linkArguments:
      link === null
        ? []
        : [
            ...given.flatMap(([name, value]) => (value === undefined || name === "seed" ? [] : [`--${name}`, value])),
            "--seed",
            `${link.seed}`,
          ],
    rightsArguments: rightsArguments(flags),
    write: captureTarget(flags),
    events: eventsTarget(flags),
    report: reportTarget(flags),
    save: saveTarget(flags),
    packets: packetsOf(flags),
    explain: flags.has("explain"),
    manner: mannerOf(flags),
    watch: flags.has("watch"),
    web: webOf(flags),
  };
}

function eventsTarget(flags: Flags): string | undefined {
  const events = flags.text("events");
  if (events === "-" && flags.text("write") === "-")
    throw usageError("standard output cannot carry both the capture and the events", "", "write the events to a file");
  return events;
}

/** Checked here, so that a mistake is reported once and before anything else. */
function rightsArguments(flags: Flags): string[] {
  checkRights(flags);
  const user = flags.text("user");
  if (flags.has("keep-root")) return ["--keep-root"];
  return user === undefined ? [] : ["--user", user];
}

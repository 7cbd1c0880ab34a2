import type { Flags } from "./flags.ts";
import { type Impairment, impairment, LINK_FLAGS, refuseLoneSeed } from "./link-flags.ts";
import { captureTarget } from "./open-capture.ts";
import { checkRights } from "./privileges.ts";
import { mannerOf } from "./session-options.ts";
import type { Manner } from "./voice.ts";

/** What the demo is told, checked. */
export interface DemoOptions {
  /** Bytes each way. */
  readonly size: number;
  readonly mtu: number;
  readonly offload: boolean;
  readonly memory: boolean;
  readonly impairment: Impairment | null;
  /** The link flags as they were typed, for the program that gets them. */
  readonly linkArguments: readonly string[];
  /** What becomes of root's rights, likewise. */
  readonly rightsArguments: readonly string[];
  readonly write: string | undefined;
  readonly manner: Manner;
}

const SIZE = 8e6;
/** A bad link is slow: enough to see what it does. */
const SIZE_IMPAIRED = 1e6;

export function demoOptions(flags: Flags): DemoOptions {
  const link = impairment(flags);
  refuseLoneSeed(flags, link);
  const size = flags.size("size") ?? (link === null ? SIZE : SIZE_IMPAIRED);
  const given = LINK_FLAGS.map((name) => [name, flags.text(name)] as const);
  return {
    size,
    mtu: flags.whole("mtu", 576, 65_535) ?? 1500,
    offload: flags.has("offload"),
    memory: flags.has("memory"),
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
    manner: mannerOf(flags),
  };
}

/** Checked here, so that the mistake is told once, and before anything else. */
function rightsArguments(flags: Flags): string[] {
  checkRights(flags);
  const user = flags.text("user");
  if (flags.has("keep-root")) return ["--keep-root"];
  return user === undefined ? [] : ["--user", user];
}

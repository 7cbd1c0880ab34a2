import { accessSync, constants } from "node:fs";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";
import { type Impairment, impairment, LINK_FLAGS } from "./link-flags.ts";
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
  readonly write: string | undefined;
  readonly manner: Manner;
}

const SIZE = 8 << 20;
/** A bad link is slow: enough to see what it does. */
const SIZE_IMPAIRED = 1 << 20;
const SIZE_MAX = 4 * 2 ** 30;

export function demoOptions(flags: Flags): DemoOptions {
  const link = impairment(flags);
  const size = flags.size("size") ?? (link === null ? SIZE : SIZE_IMPAIRED);
  if (size > SIZE_MAX)
    throw usageError(`--size ${flags.text("size")} is too much`, "both files lie on this disk", "up to 4G");
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
    write: flags.text("write"),
    manner: mannerOf(flags),
  };
}

/** How a private network can be had here: the command that runs another in one, or why not. */
export type Isolation = { readonly command: readonly string[] } | { readonly refused: string };

export function isolation(): Isolation {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { refused: missing ? "there is no /dev/net/tun here" : "/dev/net/tun may be opened by root only" };
  }
  for (const tool of ["unshare", "ip"]) {
    if (Bun.which(tool, { PATH }) === null) return { refused: `the program ${tool} is missing` };
  }
  const root = process.geteuid?.() === 0;
  const ways = [
    ["unshare", "--net"],
    ["unshare", "--user", "--map-root-user", "--net"],
  ];
  for (const way of root ? ways : ways.slice(1)) {
    const tried = Bun.spawnSync([...way, "ip", "tuntap", "add", "probe0", "mode", "tun"], {
      env: { ...process.env, PATH },
      stderr: "pipe",
    });
    if (tried.exitCode === 0) return { command: way };
  }
  return { refused: "this system allows no network namespace" };
}

/** Administrators' tools live where the PATH of ordinary users does not look. */
const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;

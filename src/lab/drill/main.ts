import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { SECOND } from "#base/time";
import type { EventSink } from "#observe/events";
import { type DrillOptions, drill } from "./drill.ts";
import type { Crossing } from "./interpreter/runner.ts";
import { pcap } from "./pcap.ts";
import { exitCode, json, type Reported, scriptLines, summaryLine } from "./report.ts";
import { StackTarget } from "./targets/stack/target.ts";

/** Runs one script; never throws for its errors. */
export type Player = (file: string) => Promise<Reported>;

export interface DrillCommand {
  /** Scripts, and folders of scripts (`*.pkt`, at any depth). */
  readonly paths: readonly string[];
  readonly play: Player;
  /** How many scripts run at once, at least 1. */
  readonly jobs: number;
  readonly json: boolean;
  /** Print every packet and every note. */
  readonly verbose: boolean;
  /** Receives the packets of all scripts, as a pcap file. */
  readonly onPcap: ((file: Uint8Array) => void) | undefined;
  /** Receives the packets of each script when it is over, with the time between its beginning and that of the first one, µs. */
  readonly onPackets?: ((packets: readonly Crossing[], start: number) => void) | undefined;
  /** Prints a line. */
  readonly print: (line: string) => void;
}

/** Runs the scripts and returns the exit code (0 all pass, 1 something failed, 3 something is unsupported). */
export async function drillCommand(command: DrillCommand): Promise<number> {
  const reports: Reported[] = [];
  let start = 0;
  const files = [...new Set(command.paths.flatMap(scripts))];
  for await (const reported of played(files, command.play, command.jobs)) {
    reports.push(reported);
    command.onPackets?.(reported.result.packets, start);
    start = Math.ceil((start + reported.result.virtualUsecs) / SECOND + 1) * SECOND;
    if (command.json) command.print(json(reported));
    else for (const line of scriptLines(reported, command.verbose)) command.print(line);
  }
  command.onPcap?.(pcap(reports.flatMap(({ result }) => result.packets)));
  if (!command.json) command.print(summaryLine(reports));
  return exitCode(reports);
}

/** The results in the order of the files; up to `jobs` scripts run at once. */
export async function* played(files: readonly string[], play: Player, jobs: number): AsyncGenerator<Reported> {
  const free: (() => void)[] = [];
  let running = 0;
  const begin = async (file: string): Promise<Reported> => {
    if (running >= jobs) await new Promise<void>((resolve) => free.push(resolve));
    running++;
    try {
      return await play(file);
    } finally {
      running--;
      free.shift()?.();
    }
  };
  const all = files.map(begin);
  // An error is reported when its script's result is awaited; until then it must not count as an unhandled rejection.
  for (const each of all) each.catch(() => {});
  for (const each of all) yield await each;
}

/**
 * Runs scripts against tcpnet's own stack, in virtual time.
 * @param sink takes the stack's events: each script is a run of its own
 */
export function onStack(options: Omit<DrillOptions, "newTarget">, sink?: EventSink): Player {
  return async (file) => {
    const source = await Bun.file(file).text();
    const about = { command: "drill", script: file, seed: options.seed };
    sink?.event({ event: "run:started", time: 0, who: "stack", epoch: null, about });
    return drill(source, file, { ...options, newTarget: (setup) => new StackTarget(setup, undefined, sink) });
  };
}

/** The scripts of a path, sorted by name. */
export function scripts(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pkt"))
    .sort()
    .map((name) => join(path, name));
}

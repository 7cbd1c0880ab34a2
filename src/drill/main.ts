import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DrillOptions, drill } from "./drill.ts";
import { pcap } from "./pcap.ts";
import { exitCode, json, type Reported, scriptLines, summaryLine } from "./report.ts";
import { StackEngine } from "./stack-engine.ts";

export interface DrillCommand extends Omit<DrillOptions, "newEngine"> {
  /** Scripts, and folders of scripts (`*.pkt`, at any depth). */
  readonly paths: readonly string[];
  readonly json: boolean;
  /** Print every packet and every note. */
  readonly verbose: boolean;
  /** Write the packets of all scripts to this file. */
  readonly pcap: string | undefined;
  /** Where lines go. */
  readonly print: (line: string) => void;
}

/** Runs the scripts one after the other and returns the exit code (0 all pass, 1 something failed, 3 something is unsupported). */
export async function drillCommand(command: DrillCommand): Promise<number> {
  const reports: Reported[] = [];
  for (const file of new Set(command.paths.flatMap(scripts))) {
    const source = await Bun.file(file).text();
    const reported = drill(source, file, { ...command, newEngine: (setup) => new StackEngine(setup) });
    reports.push(reported);
    if (command.json) command.print(json(reported));
    else for (const line of scriptLines(reported, command.verbose)) command.print(line);
  }
  if (command.pcap !== undefined) await Bun.write(command.pcap, pcap(reports.flatMap(({ result }) => result.packets)));
  if (!command.json) command.print(summaryLine(reports));
  return exitCode(reports);
}

/** The scripts that a path stands for, in the order of their names. */
export function scripts(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pkt"))
    .sort()
    .map((name) => join(path, name));
}

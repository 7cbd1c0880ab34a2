/** The end of the demo: prints whether every byte arrived, and what to type next. */
import { exactBytesText } from "#observe/units";
import type { DemoOptions } from "./demo-plan.ts";
import type { Message, Stage } from "./demo-stage.ts";
import type { Role } from "./endpoint.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import { rateOf } from "./figures.ts";
import { LAB } from "./lab.ts";
import { forUser, programName } from "./program.ts";
import { bold, green, say, sayData } from "./terminal.ts";

/** The result of one direction. */
interface Direction {
  readonly from: Role;
  readonly to: Role;
  readonly bytes: number;
  /** Null if the data came in one piece. */
  readonly bits_per_second: number | null;
  readonly retransmits: number;
  /** Segments that the receiver had already: needless copies. */
  readonly duplicates: number;
  /** The receiver verified every byte. */
  readonly equal: boolean;
}

/** Prints whether every byte arrived; returns the exit code. @param codes exit codes of the two programs */
export function verdict(options: DemoOptions, stage: Stage, codes: Record<Role, number>): number {
  const { manner } = options;
  let well = true;
  for (const role of ["host", "peer"] as const) {
    const direction = judge(role, options, stage);
    // All data may have arrived although a program failed, for example because the disk was full for its capture.
    well &&= direction.equal && codes[role] === EXIT_OK;
    if (manner === "json") sayData(JSON.stringify({ schema: "tcpnet.demo/1", ...direction }));
    else if (manner === "plain" || !direction.equal) say(directionText(direction));
    const why = manner === "plain" && options.impairment === null ? whyResent(direction) : "";
    if (why !== "") say(`    ${why}`);
    const error = stage.errors[role] ?? (codes[role] === EXIT_OK ? undefined : `ended with exit code ${codes[role]}`);
    if (error !== undefined) say(`  ✗ ${role}: ${error}`);
  }
  if (well && manner === "plain") tellNext(options, stage.warnings.length === 0);
  return well ? EXIT_OK : EXIT_FAILURE;
}

function judge(from: Role, options: DemoOptions, stage: Stage): Direction {
  const to = from === "host" ? "peer" : "host";
  return {
    from,
    to,
    bytes: options.size,
    bits_per_second: fact(stage.summaries[to], "received", "bits_per_second") ?? null,
    retransmits: fact(stage.summaries[from], "info", "retransTotal") ?? 0,
    duplicates: fact(stage.summaries[to], "info", "duplicatesReceived") ?? 0,
    equal: stage.verified[to] === options.size,
  };
}

function fact(summary: Message | undefined, group: string, name: string): number | null | undefined {
  return (summary?.[group] as Readonly<Record<string, number | null>> | undefined)?.[name];
}

function directionText({ from, to, bytes, bits_per_second, retransmits, equal }: Direction): string {
  const columns = [
    exactBytesText(bytes),
    rateOf(bytes, bits_per_second).padEnd(11),
    `${retransmits} resent`.padEnd(10),
  ];
  const proof = equal ? "every byte matches" : "DATA DIFFERS";
  const line = `  ${equal ? "✓" : "✗"} ${from} → ${to}   ${columns.join("   ")}   ${proof}`;
  return equal ? green(line) : bold(line);
}

/** Why a sender resent segments on a perfect link: the programs and the kernel share the processors. */
export function whyResent({ retransmits, duplicates }: Pick<Direction, "retransmits" | "duplicates">): string {
  if (retransmits === 0) return "";
  return duplicates >= retransmits
    ? "· nothing was lost: a program had to wait for a processor and answered late"
    : "· a program had to wait for a processor, and the kernel's queue to it was full";
}

/** @param complete whether the capture has every packet. */
function tellNext({ impairment, write }: DemoOptions, complete: boolean): void {
  const rows: [string, string][] = [
    [`sudo ${programName} netup`, "set up this machine; then"],
    [`sudo ${programName} host ${LAB.host.join(" ")}`, "in one terminal, and"],
    [`sudo ${programName} peer ${LAB.peer.join(" ")}`, "in another one"],
  ];
  if (write === undefined) rows.unshift([`${programName} demo -w demo.pcapng`, "then: wireshark demo.pcapng"]);
  else if (write !== "-" && complete) rows.unshift([`wireshark ${write}`, "every packet with its reason"]);
  if (impairment === null) {
    rows.unshift([`${programName} demo --loss 1% --delay 20ms`, "what a bad link does, and why"]);
  }
  const shown = rows.map(([command, words]) => [forUser(command), words] as const);
  const width = Math.max(...shown.map(([command]) => command.length));
  say("", "What to type next:", ...shown.map(([command, words]) => `  ${command.padEnd(width)}   ${words}`.trimEnd()));
}

import { counted } from "#observe/units";
import type { Result } from "./interpreter/runner.ts";
import { seconds } from "./language/timing.ts";

/** Reports of scripts that ran, for people and for programs. */

/** The result of a script, with the file name that the user gave. */
export interface Reported {
  readonly file: string;
  readonly result: Result;
}

/** Exit codes of `tcpnet drill`. */
export const EXIT_OK = 0;
/** A script failed or has a syntax error. */
export const EXIT_FAIL = 1;
/** Nothing failed, but a script needs a feature that is not supported. */
export const EXIT_UNSUPPORTED = 3;

/** The report of one script: a line, and below it the differences. */
export function scriptLines({ file, result }: Reported, verbose: boolean): string[] {
  const { position } = result;
  // An error of the command line has no line number.
  const where = position === undefined || position.line === 0 ? file : `${position.file}:${position.line}`;
  const column = position === undefined || position.line === 0 ? "" : `:${position.column}`;
  const lines: string[] = [];
  if (verbose) for (const p of result.packets) lines.push(`    ${seconds(p.time)} ${p.direction} ${p.text}`);
  if (result.status === "ok") lines.push(`ok          ${file}`);
  else if (result.status === "unsupported") lines.push(`unsupported ${where}: unsupported: ${result.message}`);
  else if (result.status === "error") lines.push(`FAIL        ${where}${column}: ${result.message}`);
  else lines.push(`FAIL        ${where}: ${result.message}`);
  for (const detail of result.details) lines.push(`    ${detail}`);
  if (verbose) for (const note of result.notes) lines.push(`    note: ${note}`);
  return lines;
}

export function count(reports: readonly Reported[]): { ok: number; failed: number; unsupported: number } {
  const of = (...statuses: string[]) => reports.filter(({ result }) => statuses.includes(result.status)).length;
  return { ok: of("ok"), failed: of("fail", "error"), unsupported: of("unsupported") };
}

export function summaryLine(reports: readonly Reported[]): string {
  const { ok, failed, unsupported } = count(reports);
  const virtual = reports.reduce((sum, { result }) => sum + result.virtualUsecs, 0);
  return `${counted(reports.length, "script")}: ${ok} ok, ${failed} failed, ${unsupported} unsupported (${seconds(virtual)} s of script time)`;
}

export function exitCode(reports: readonly Reported[]): number {
  const { failed, unsupported } = count(reports);
  if (failed > 0) return EXIT_FAIL;
  return unsupported > 0 ? EXIT_UNSUPPORTED : EXIT_OK;
}

/** One line of JSON per script. */
export function json({ file, result }: Reported): string {
  const { status, position, message, details, notes, packets, virtualUsecs } = result;
  return JSON.stringify({
    file,
    status,
    line: position?.line,
    column: position?.column,
    message,
    details,
    notes,
    packets: packets.length,
    virtualUsecs,
  });
}

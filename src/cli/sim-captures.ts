/** The captures of a simulated run. */
import { CaptureWriter } from "./capture-writer.ts";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";
import { impairment } from "./link-flags.ts";
import { besideCapture } from "./open-capture.ts";
import { refuseClosedOutput } from "./print.ts";
import { refuseOverwriting } from "./same-file.ts";

/** The packets of the left stack go to the file, those of the right one into a second file beside it. Throws CliError. */
export function captureWriters(path: string, flags: Flags): [CaptureWriter, CaptureWriter | undefined] {
  if (path === "-") refuseClosedOutput();
  const beside = besideCapture(path, "right");
  for (const each of [path, beside])
    if (each !== undefined && each !== "-") refuseOverwriting(impairment(flags)?.traces ?? [], "--write", each);
  return [new CaptureWriter(path, "left"), beside === undefined ? undefined : new CaptureWriter(beside, "right")];
}

/** Throws CliError if two results would go to standard output. */
export function oneForOutput(results: readonly (readonly [string, string | undefined])[]): void {
  const [first, second] = results.filter(([, path]) => path === "-").map(([what]) => what);
  if (second !== undefined)
    throw usageError(`standard output cannot carry both ${first} and ${second}`, "", `write ${second} to a file`);
}

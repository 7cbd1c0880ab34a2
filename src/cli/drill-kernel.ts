/** `tcpnet drill --kernel`: each script runs in its own process and network namespace, so that it leaves nothing behind. */

import { CallThread } from "#ffi/call-thread";
import { ownEnvironment } from "#ffi/environment";
import { setNiceness } from "#ffi/libc";
import { type DrillOptions, drill } from "#lab/drill/drill";
import type { Player } from "#lab/drill/main";
import type { TargetSetup } from "#lab/drill/posix/target";
import type { Reported } from "#lab/drill/report";
import { Kernel } from "#lab/drill/targets/kernel/target";
import { CliError } from "./cli-error.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_PERMISSION } from "./exit-codes.ts";
import { DRILL_INSIDE, fromOutside, isolation } from "./isolation.ts";
import { programName, selfCommand } from "./program.ts";

const LEAST_NICE = -20;

/** Tolerance for kernel timers, which have ticks, and for busy processors. */
const TOLERANCE_USECS = 10_000;

type Options = Omit<DrillOptions, "newTarget">;

/** Whether this is the process that runs one script. */
export function isInside(): boolean {
  return fromOutside(DRILL_INSIDE) !== undefined;
}

/** Runs the script against the kernel of this namespace, and prints the result for `onKernel`. */
export async function playInside(file: string, options: Options): Promise<number> {
  const source = await Bun.file(file).text();
  // Real time is compared, so ask for the highest priority if that is allowed.
  setNiceness(LEAST_NICE);
  const toleranceUsecs = TOLERANCE_USECS;
  let kernel: Kernel | undefined;
  const thread = hasWaitingCall(source) ? new CallThread() : undefined;
  const newTarget = (setup: TargetSetup) => (kernel = new Kernel(setup, thread));
  const reported = drill(source, file, { ...options, only: "linux", toleranceUsecs, newTarget });
  kernel?.end();
  await Bun.write(Bun.stdout, encode(reported));
  return EXIT_OK;
}

/** Extra time for `+0...0.3 read(…)`: its thread takes a moment to start. */
function hasWaitingCall(source: string): boolean {
  return /\.\.\.\s*[\d.]/.test(source);
}

/** Runs scripts against this machine's own TCP. Throws CliError if there can be no private network. */
export function onKernel(options: Options): Player {
  const way = isolation();
  if ("refused" in way)
    throw new CliError(
      EXIT_PERMISSION,
      "--kernel needs a private network, which this system does not allow",
      way.refused,
      `run it as root on a machine with TUN devices, or without --kernel: ${programName} drill`,
    );
  return async (file) => {
    const child = Bun.spawn([...way.command, ...selfCommand([...argumentsOf(options), file])], {
      env: ownEnvironment({ [DRILL_INSIDE]: "1" }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== EXIT_OK) throw failure(file, stderr, code);
    return decode(stdout);
  };
}

function argumentsOf({ profile, defines, options, strict }: Options): string[] {
  const pairs = (flag: string, values: ReadonlyMap<string, string>) =>
    [...values].flatMap(([name, value]) => [flag, `${name}=${value}`]);
  return [
    "drill",
    "--kernel",
    "--json",
    ...(profile ? ["--profile", profile] : []),
    ...(strict ? ["--strict"] : []),
    ...pairs("--define", defines),
    ...pairs("--option", options),
  ];
}

/** The error of a process that could not run its script. */
function failure(file: string, stderr: string, code: number): CliError {
  try {
    const { what, why, fix, exitCode } = JSON.parse(stderr) as CliError;
    return new CliError(exitCode, what, why, fix);
  } catch {
    return new CliError(EXIT_FAILURE, `${file} could not be run (${code})`, stderr.trim());
  }
}

/** JSON with octets as base64. */
function encode(reported: Reported): string {
  const packets = reported.result.packets.map((packet) => ({ ...packet, bytes: packet.bytes.toBase64() }));
  return JSON.stringify({ ...reported, result: { ...reported.result, packets } });
}

function decode(text: string): Reported {
  const reported = JSON.parse(text) as Reported;
  const packets = reported.result.packets.map((packet) => ({
    ...packet,
    bytes: Uint8Array.fromBase64(packet.bytes as unknown as string),
  }));
  return { ...reported, result: { ...reported.result, packets } };
}

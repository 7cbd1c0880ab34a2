import { closeSync } from "node:fs";
import { suggest } from "#base/suggest";
import { type ConfigureOptions, configure } from "#lab/drill/interpreter/config";
import type { Crossing } from "#lab/drill/interpreter/runner";
import { ScriptError, Unsupported } from "#lab/drill/language/ast";
import { drillCommand, onStack, scripts } from "#lab/drill/main";
import { PROFILE_NAMES, type Profile } from "#lab/drill/posix/target";
import { CaptureWriter } from "../capture-writer.ts";
import { type CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { isInside, onKernel, playInside } from "../drill-kernel.ts";
import { EventWriter } from "../event-writer.ts";
import type { Flags } from "../flags.ts";
import { RecordFile, readNamed } from "../named-files.ts";
import { captureTarget, refuseTerminal } from "../open-capture.ts";
import { outputFailure, print, refuseClosedOutput, STDOUT, writeWhole } from "../print.ts";
import { RunSave } from "../replay-file.ts";
import { both } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { saveTarget } from "../session-options.ts";
import { printText, say, sayData } from "../terminal.ts";
import { visible } from "../visible.ts";

/** `tcpnet drill`: the scripts' results go to standard output. */
export async function run(call: Call): Promise<number> {
  const { args, flags } = call;
  const files = args.flatMap(scriptsAt);
  const kernel = flags.has("kernel");
  if (kernel) checkKernelFlags(flags);
  else if (flags.text("jobs") !== undefined) {
    throw usageError("--jobs needs --kernel", "in virtual time, scripts run one after another", "leave out --jobs");
  }
  const options = {
    profile: profile(flags.text("profile")),
    defines: pairs(flags, "define", "1"),
    options: scriptOptions(flags),
    strict: flags.has("strict"),
    seed: flags.whole("seed", 0, 0xffffffff) ?? 1,
  };
  checkOptions(options);
  if (kernel && isInside()) return await playInside(args[0]!, options);
  const pcap = flags.text("pcap");
  if (pcap !== undefined && pcap !== "-") refuseOverwriting(files, "--pcap", pcap);
  const path = flags.text("events");
  if (path !== undefined && path !== "-") refuseOverwriting(files, "--events", path);
  if (path === "-") refuseClosedOutput();
  const write = captureTarget(flags);
  if (write !== undefined && write !== "-") refuseOverwriting(files, "--write", write);
  if (write === "-") refuseClosedOutput();
  const [first, second] = [pcap, write, path].filter((each) => each === "-");
  if (first !== undefined && second !== undefined) {
    const what = path === "-" ? "the packets and the events" : "--pcap and --write";
    throw usageError(
      `standard output cannot carry both ${what}`,
      "",
      `write ${path === "-" ? "the events" : "one"} to a file`,
    );
  }
  const capture = write === undefined ? undefined : new CaptureWriter(write, "stack");
  const events = path === undefined ? undefined : new EventWriter(path);
  const save = saveOf(call, files, capture?.path);
  const code = await drillCommand({
    paths: args,
    play: kernel ? onKernel(options) : onStack(options, both(events, save?.sink)),
    jobs: kernel ? (flags.whole("jobs", 1, 64) ?? JOBS) : 1,
    json: flags.has("json"),
    verbose: flags.has("verbose"),
    onPcap: pcap === undefined ? undefined : fileWriter(pcap),
    onPackets: capture === undefined ? undefined : (packets, start) => copyAll(packets, start, capture),
    print: printer(flags.has("json"), first !== undefined),
  });
  capture?.close();
  events?.close();
  for (const each of save?.end(null) ?? [])
    say(`${each} is not in ${save!.path}: it is no file that can be read again`);
  return code;
}

/** Throws CliError. */
function saveOf(call: Call, scripts: readonly string[], capture: string | undefined): RunSave | undefined {
  const path = saveTarget(call.flags);
  if (path === undefined) return undefined;
  refuseOverwriting([...scripts, ...(capture === undefined || capture === "-" ? [] : [capture])], "--save", path);
  const files = Object.fromEntries(scripts.map((name) => [name, readNamed(name)]));
  return new RunSave(path, "drill", call, { files, captures: [capture] });
}

/** Each script has its own time: it begins in the second after the one before. */
function copyAll(packets: readonly Crossing[], start: number, capture: CaptureWriter): void {
  for (const { bytes, time, direction, cause } of packets) {
    const o = capture.begin(bytes.length, start + time, direction === ">");
    capture.u8.set(bytes, o);
    capture.end(cause);
  }
}

/** The scripts' results go to standard output, or to standard error if the packets or the events go there. */
function printer(isJson: boolean, besidePackets: boolean): (line: string) => void {
  if (isJson) return besidePackets ? sayData : (line) => print(`${line}\n`);
  return besidePackets ? (line) => say(readable(line)) : (line) => printText(`${readable(line)}\n`);
}

/** Longer lines are cut. */
const LINE_MAX = 500;

/** Makes a line of a script printable: it may contain any characters. */
function readable(line: string): string {
  const text = visible(line);
  return text.length > LINE_MAX ? `${text.slice(0, LINE_MAX)}…` : text;
}

/** The largest --jobs. Scripts mostly wait, but with too many at once a busy processor delays the kernel's packets. */
const JOBS = 4;

function checkKernelFlags(flags: Flags): void {
  const name = flags.text("profile") ?? "linux";
  if (name !== "linux" && PROFILE_NAMES.some((each) => each === name))
    throw usageError(
      `--kernel cannot use the profile ${name}`,
      "it tests this machine's own TCP, which is Linux",
      "leave out --profile, or --kernel",
    );
  for (const flag of ["events", "save"])
    if (flags.text(flag) !== undefined)
      throw usageError(
        `--kernel cannot use --${flag}`,
        "the kernel does not tell its decisions",
        `leave out --${flag}`,
      );
  if (flags.text("seed") !== undefined)
    throw usageError("--kernel cannot use --seed", "the kernel chooses its own random numbers", "leave out --seed");
}

/** Undefined: each script, or its folder, names its profile. */
function profile(name: string | undefined): Profile | undefined {
  const found = PROFILE_NAMES.find((each) => each === name);
  if (name === undefined || found !== undefined) return found;
  const near = suggest(name, PROFILE_NAMES);
  throw usageError(
    `there is no profile ${name}`,
    `there are ${PROFILE_NAMES.join(", ")}`,
    near ? `--profile ${near}` : "",
  );
}

/** --option, and the flags that are short for one. */
function scriptOptions(flags: Flags): Map<string, string> {
  const options = pairs(flags, "option", "");
  const tolerance = flags.time("tolerance");
  if (tolerance !== undefined) options.set("tolerance_usecs", `${tolerance}`);
  if (flags.has("neutral")) options.set("neutral", "");
  return options;
}

/** Reads `NAME=VALUE`, each name once; a name alone has the default value. */
function pairs(flags: Flags, flag: string, alone: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of flags.texts(flag)) {
    const [, name, value = alone] = /^-{0,2}([A-Za-z_]\w*)(?:=(.*))?$/s.exec(text) ?? [];
    if (name === undefined) throw usageError(`--${flag} ${text} cannot be understood`, "", "use NAME=VALUE");
    if (found.has(name)) throw usageError(`--${flag} ${name} is given twice`, "", "give it once");
    found.set(name, value);
  }
  return found;
}

/** Refuses a value that no script could have at its head, IPv4 or IPv6. Values that tcpnet does not support are reported per script. */
function checkOptions(options: Omit<ConfigureOptions, "profile">): void {
  const outside = { ...options, profile: "linux" } as const;
  const wrong = ["ipv4", "ipv6"].map((value) => {
    const position = { file: "", line: 0, column: 0 };
    try {
      configure({ options: [{ name: "ip_version", value, position }] }, outside);
    } catch (error) {
      if (error instanceof ScriptError) return error.message;
      if (!(error instanceof Unsupported)) throw error;
    }
    return undefined;
  });
  if (wrong.every((each) => each !== undefined)) throw usageError("--option cannot be understood", wrong[0]);
}

/**
 * Opens the file before the scripts run. The returned function writes it after the last one, so that no script waits for a slow
 * reader. Both throw CliError.
 */
function fileWriter(path: string): (bytes: Uint8Array) => void {
  refuseTerminal(path, "--pcap out.pcap, or --pcap - | wireshark -k -i -");
  if (path === "-") refuseClosedOutput();
  const name = path === "-" ? "standard output" : path;
  const fd = path === "-" ? STDOUT : new RecordFile(path).open();
  return (bytes) => {
    try {
      writeWhole(fd, bytes);
    } catch (error) {
      throw outputFailure(name, error as NodeJS.ErrnoException);
    }
    if (fd !== STDOUT) closeSync(fd);
  };
}

/** The scripts of a path: itself, or those in the folder. Throws CliError if there are none. */
function scriptsAt(path: string): string[] {
  let found: string[];
  try {
    found = scripts(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (found.length === 0) throw usageError(`${path} contains no scripts`, "no file name in it ends in .pkt", "");
  return found;
}

function unreadable(path: string, error: unknown): CliError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  return usageError(
    `there is no file or folder ${path === "" ? '""' : path}`,
    "",
    "drill needs *.pkt files, or folders that contain them",
  );
}

import { readRate, readSize } from "#device/link-units";
import { LENGTH_DEFAULT, LENGTH_MAX, OMIT_MAX, PARALLEL_MAX, type Parameters, TIME_MAX } from "#lab/bench/parameters";
import type { CongestionControlName } from "#tcp/words/params";
import { type FlagShape, shapeOf } from "./argv.ts";
import { BENCH } from "./bench-spec.ts";
import { usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { controlOf, pacingOf } from "./control-flags.ts";
import { defaultLocal, readPrefix } from "./endpoint.ts";
import type { Flags } from "./flags.ts";
import { programName } from "./program.ts";
import { type DeviceOptions, deviceOptions } from "./session-options.ts";

/** How results are shown: lines for people, fewer lines, one JSON object, or one per event. */
export type BenchView = "text" | "quiet" | "json" | "json-stream";

/** What client and server have in common. */
interface BenchCommon {
  readonly device: DeviceOptions;
  readonly port: number;
  readonly congestion: CongestionControlName | undefined;
  readonly pacing: boolean | number | undefined;
  /** Seconds between two lines; 0: none. */
  readonly interval: number;
  /** How long the other side may be silent, ms. */
  readonly patience: number;
  readonly view: BenchView;
}

export interface BenchClientOptions extends BenchCommon {
  readonly parameters: Parameters;
}

export interface BenchServerOptions extends BenchCommon {
  readonly max: number;
  readonly oneOff: boolean;
}

/** Iperf3's port. */
export const BENCH_PORT = 5201;

const TIME_DEFAULT = 10;
const MAX_DEFAULT = 128;
const PATIENCE_DEFAULT_US = 10_000_000;
/** Iperf3's bounds of an interval. */
const INTERVAL_MIN = 0.1;
const INTERVAL_MAX = 60;

const CLIENT_ONLY = ["time", "bytes", "parallel", "len", "bitrate", "omit"];
const CLIENT_ONLY_SWITCHES = ["reverse", "bidir", "rr", "crr"];
const VERSUS_ONLY = ["rounds", "threshold"];

/** Reads the words and flags of `bench -c`. Throws CliError. */
export function benchClientOptions({ args, flags }: Call): BenchClientOptions {
  const [tun, cidr, server] = threeWords(args, "-c <tun> <cidr> <server>", 3);
  refuse(flags, ["max", ...VERSUS_ONLY], ["one-off"], "bench -c");
  const device = deviceOptions("peer", { tun, cidr, remote: server!, local: flags.text("local") }, flags);
  return { ...commonOptions(flags, device), parameters: parametersOf(flags) };
}

/** Reads the words and flags of `bench -s`. Throws CliError. */
export function benchServerOptions({ args, flags }: Call): BenchServerOptions {
  const [tun, cidr, remote] = threeWords(args, "-s <tun> <cidr> [remote]", 2);
  refuse(flags, [...CLIENT_ONLY, ...VERSUS_ONLY], CLIENT_ONLY_SWITCHES, "bench -s");
  const local = flags.text("local");
  // Without a remote, our own address stands for it: anybody may connect.
  const words =
    remote === undefined
      ? { tun, cidr, remote: local ?? `${defaultLocal(readPrefix(cidr), "host")}` }
      : { tun, cidr, remote, local };
  return {
    ...commonOptions(flags, deviceOptions("host", words, flags)),
    max: flags.whole("max", 1, 10_000) ?? MAX_DEFAULT,
    oneOff: flags.has("one-off"),
  };
}

/** What a test does. Throws CliError. */
export function parametersOf(flags: Flags): Parameters {
  const [isRr, isCrr] = [flags.has("rr"), flags.has("crr")];
  const [reverse, bidirectional] = [flags.has("reverse"), flags.has("bidir")];
  if (isRr && isCrr) throw usageError("--rr and --crr exclude each other");
  if (reverse && bidirectional) throw usageError("--reverse and --bidir exclude each other");
  const num = flags.size("bytes");
  const exchange = isRr ? "--rr" : isCrr ? "--crr" : "";
  const bulkOnly = reverse ? "--reverse" : bidirectional ? "--bidir" : num !== undefined ? "--bytes" : "";
  if (exchange !== "" && bulkOnly !== "") throw usageError(`${exchange} and ${bulkOnly} exclude each other`);
  if (exchange !== "" && flags.text("bitrate") !== undefined) {
    throw usageError(`${exchange} and --bitrate exclude each other`);
  }
  if (num === 0) throw usageError(`--bytes ${flags.text("bytes")} sends nothing`, "", "for example --bytes 10M");
  if (num !== undefined && flags.text("time") !== undefined) {
    throw usageError("--bytes and --time exclude each other", "each of them ends the test");
  }
  return {
    mode: isRr ? "rr" : isCrr ? "crr" : "bulk",
    time: secondsOf(flags, "time", 0.1, TIME_MAX) ?? TIME_DEFAULT,
    omit: secondsOf(flags, "omit", 0, OMIT_MAX) ?? 0,
    num: num ?? 0,
    parallel: flags.whole("parallel", 1, PARALLEL_MAX) ?? 1,
    reverse,
    bidirectional,
    len: lengthOf(flags, exchange === "" ? LENGTH_DEFAULT : 1),
    bandwidth: bitrateOf(flags),
    congestion: controlOf(flags, "congestion") ?? "",
  };
}

function commonOptions(flags: Flags, device: DeviceOptions): BenchCommon {
  const interval = secondsOf(flags, "interval", 0, INTERVAL_MAX) ?? 1;
  if (interval !== 0 && interval < INTERVAL_MIN) {
    throw usageError(`--interval ${flags.text("interval")} is out of range`, "", "use 0.1 to 60, or 0 for none");
  }
  const timeout = flags.time("timeout") ?? PATIENCE_DEFAULT_US;
  if (timeout < 1_000)
    throw usageError(`--timeout ${flags.text("timeout")} is too short`, "", "for example --timeout 5s");
  return {
    device,
    port: flags.whole("port", 1, 65_535) ?? BENCH_PORT,
    congestion: controlOf(flags, "congestion"),
    pacing: pacingOf(flags),
    interval,
    patience: timeout / 1000,
    view: viewOf(flags),
  };
}

export function viewOf(flags: Flags): BenchView {
  const given = (["quiet", "json", "json-stream"] as const).filter((name) => flags.has(name));
  if (given.length > 1) throw usageError(`--${given[0]} and --${given[1]} exclude each other`);
  return given[0] ?? "text";
}

function threeWords(args: readonly string[], form: string, least: number): [string, string, string | undefined] {
  const example = form.startsWith("-s") ? "-s tun0 10.0.0.1/24" : "-c tun1 10.0.1.1/24 10.0.0.7";
  const fix = `for example: ${programName} bench ${example}`;
  if (args.length < least) {
    const missing = form.split(" ").slice(1 + args.length, 1 + least);
    throw usageError(`bench ${form.slice(0, 2)} needs ${missing.join(" and ")}`, "", fix);
  }
  if (args.length > 3) throw usageError(`bench takes no argument "${args[3]}"`, `its form is bench ${form}`, fix);
  return [args[0]!, args[1]!, args[2]];
}

function refuse(flags: Flags, texts: readonly string[], switches: readonly string[], what: string): void {
  const given = [
    ...texts.filter((name) => flags.text(name) !== undefined),
    ...switches.filter((name) => flags.has(name)),
  ];
  if (given.length > 0) throw usageError(`--${given[0]} has no effect on ${what}`, "", "leave it out");
}

/** Refuses flags of `bench` that others of its forms have. @param what names this one */
export function refuseOthers(flags: Flags, allowed: ReadonlySet<string>, what: string): void {
  const shapes = BENCH.groups.flatMap((group) => group.flags.map(shapeOf));
  const isGiven = ({ name, takesValue }: FlagShape) => (takesValue ? flags.text(name) !== undefined : flags.has(name));
  const found = shapes.find((shape) => !allowed.has(shape.name) && isGiven(shape));
  if (found !== undefined) throw usageError(`--${found.name} has no effect on ${what}`, "", "leave it out");
}

/** Seconds as iperf3 takes them ("10"), or a time with a unit. */
export function secondsOf(flags: Flags, name: string, least: number, most: number): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : flags.time(name)! / 1e6;
  if (value >= least && value <= most) return value;
  throw usageError(`--${name} ${text} is out of range`, "", `use ${least} to ${most} seconds`);
}

function lengthOf(flags: Flags, otherwise: number): number {
  const len = flags.size("len") ?? otherwise;
  if (len >= 1 && len <= LENGTH_MAX) return len;
  throw usageError(`--len ${flags.text("len")} is out of range`, "", "use a size from 1 to 1Mi");
}

/** "100M" as iperf3 takes it, or "100mbit". 0: no limit. */
function bitrateOf(flags: Flags): number {
  const text = flags.text("bitrate");
  if (text === undefined) return 0;
  const plain = /^[\d.]+[kmgt]?$/i.test(text) ? readSize(text) : null;
  const read = plain ?? readRate(text);
  if ("wrong" in read) throw usageError(`--bitrate ${text} ${read.wrong}`, "", "use 100M, 100mbit or 1G");
  if (read.value < 1 || read.value > 1e12) throw usageError(`--bitrate ${text} is out of range`, "", "use 1k to 1T");
  return read.value;
}

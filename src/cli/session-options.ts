import { QUEUES_MAX } from "#device/tun";
import type { Limits } from "#stack/limits";
import type { BuiltInControl } from "#tcp/words/params";
import type { ProfileName } from "#tcp/words/profiles";
import { CliError, usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { controlOf, pacingOf } from "./control-flags.ts";
import { type Endpoint, type EndpointWords, endpoint, type Role } from "./endpoint.ts";
import { EXIT_USAGE } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";
import { type Impairment, impairment, refuseLoneSeed } from "./link-flags.ts";
import { captureTarget } from "./open-capture.ts";
import { profileOf } from "./profile.ts";
import { isFile } from "./pump.ts";
import { isTerminal } from "./terminal.ts";
import type { Manner } from "./voice.ts";

/** What to do with a connection. */
export type Service =
  | { readonly kind: "pipe" }
  | { readonly kind: "echo" }
  | { readonly kind: "discard" }
  | { readonly kind: "source"; readonly size: number }
  | { readonly kind: "verify"; readonly size: number; readonly role: Role };

/** The largest number of a descriptor: fs.nr_open is at most this. */
const FD_MAX = 0x7fff_ffff;

/** Device, addresses, link, and the rules that TCP follows: for every command that runs a stack on a device. */
export interface DeviceOptions {
  readonly endpoint: Endpoint;
  /** The profile of another TCP; undefined: the defaults. */
  readonly profile: ProfileName | undefined;
  /** RFC 7323 §3.2: drop segments without the negotiated timestamp. */
  readonly strictTimestamps: boolean;
  /** Every address of the prefix is the stack's, except the kernel's. */
  readonly ownPrefix: boolean;
  readonly mtu: number | undefined;
  readonly offload: boolean;
  readonly force: boolean;
  /** The device's descriptor, if another program has opened it. */
  readonly tunFd: number | undefined;
  readonly impairment: Impairment | null;
  /** The path of the control socket; undefined: the default. */
  readonly socket: string | undefined;
  /** Queues of the device, with a stack and a thread for each. */
  readonly queues: number;
}

/** The checked options of `host` and `peer`. */
export interface SessionOptions extends DeviceOptions {
  readonly port: number;
  readonly service: Service;
  /** Serve one connection after another. */
  readonly keep: boolean;
  /** Limits of connections; absent ones: the stack's defaults. */
  readonly limits: Partial<Limits>;
  readonly simultaneous: boolean;
  /** Send and accept data with the SYN. */
  readonly fastOpen: boolean;
  /** The congestion control; undefined: the stack's default. */
  readonly cc: BuiltInControl | undefined;
  /** Whether data is paced, or at most how many bits per second are sent; undefined: the stack's default. */
  readonly pacing: boolean | number | undefined;
  /** µs of silence after which to give up; undefined: the default for peer, no limit for a waiting host. */
  readonly timeout: number | undefined;
  readonly send: string | undefined;
  readonly recv: string | undefined;
  /** Standard input is a keyboard and received data goes to a file: our direction closes after the peer's. */
  readonly listenOnly: boolean;
  /** The file of the capture; "-": standard output. */
  readonly write: string | undefined;
  /** The file of the events; "-": standard output. */
  readonly events: string | undefined;
  /** The file of the report. */
  readonly report: string | undefined;
  /** The replay file. */
  readonly save: string | undefined;
  /** Print every segment. */
  readonly packets: boolean;
  /** Print every decision, too. */
  readonly explain: boolean;
  /** Show a dashboard; for programs: figures ten times a second. */
  readonly watch: boolean;
  /** The port of the live page. */
  readonly web: number | undefined;
  readonly manner: Manner;
}

export const DEFAULT_PORT = 7000;

/** Reads the arguments and flags of `host` and `peer`. Throws CliError. */
export function sessionOptions(role: Role, { args, flags }: Call): SessionOptions {
  const [tun, cidr, remote] = args as [string, string, string];
  const service = serviceOf(role, flags);
  const send = flags.text("send");
  const recv = flags.text("recv");
  const write = captureTarget(flags);
  const simultaneous = flags.has("simultaneous");
  if (service.kind !== "pipe" && (send !== undefined || recv !== undefined)) {
    throw usageError(
      `--${service.kind} cannot be used with --send or --recv`,
      `--${service.kind} does not read or write files`,
    );
  }
  const watch = flags.has("watch");
  if (watch) checkWatch(flags, service.kind === "pipe" && recv === undefined);
  const events = flags.text("events");
  oneForOutput(write, events, service.kind === "pipe" && recv === undefined);
  const keep = flags.has("keep");
  const device = deviceOptions(role, { tun, cidr, remote, local: flags.text("local"), any: flags.has("any") }, flags);
  const where = device.endpoint;
  if (simultaneous && (where.remote === null || keep)) {
    throw usageError("--simultaneous needs one remote", "both sides connect, so each must know the other's address");
  }
  if (flags.text("web") !== undefined && device.queues > 1)
    throw usageError("--web is for one queue", "it explains one stack", "leave out --queues");
  if (watch && device.queues > 1)
    throw usageError("--watch is for one queue", "it shows one stack", "leave out --queues");
  checkQueues(device.queues, {
    service,
    simultaneous,
    write,
    events,
    report: reportTarget(flags),
    save: saveTarget(flags),
  });
  const serves = keep || (role === "host" && service.kind !== "pipe" && service.kind !== "verify");
  return {
    ...device,
    port: flags.whole("port", 1, 65_535) ?? DEFAULT_PORT,
    service,
    keep: serves,
    limits: limitsOf(flags, serves),
    simultaneous,
    fastOpen: flags.has("fast-open"),
    cc: controlOf(flags),
    pacing: pacingOf(flags),
    timeout: timeoutOf(flags),
    send,
    recv,
    listenOnly: send === undefined && isTerminal(0) && (recv !== undefined || isFile(1) || watch),
    write,
    events,
    report: reportTarget(flags),
    save: saveTarget(flags),
    packets: packetsOf(flags),
    explain: flags.has("explain"),
    watch,
    web: webOf(flags),
    manner: mannerOf(flags),
  };
}

/** Reads the flags of device, addresses and link. Throws CliError. */
export function deviceOptions(role: Role, words: EndpointWords, flags: Flags): DeviceOptions {
  const link = impairment(flags);
  refuseLoneSeed(flags, link);
  const socket = flags.text("socket");
  if (socket !== undefined && link === null) {
    throw usageError("--socket needs a link flag", "it names the control socket of the link", "add --link clear");
  }
  const where = endpoint(role, { ...words, kernel: flags.has("kernel") });
  return {
    endpoint: where,
    profile: profileOf(flags),
    strictTimestamps: flags.has("strict-timestamps"),
    ownPrefix: flags.has("own-prefix"),
    mtu: mtuOf(flags, where),
    offload: flags.has("offload"),
    force: flags.has("force"),
    tunFd: tunFdOf(flags),
    impairment: link,
    socket,
    queues: queuesOf(flags, link !== null),
  };
}

/** A report is written when everything is over, so it has a file of its own. */
export function reportTarget(flags: Flags): string | undefined {
  const report = flags.text("report");
  if (report === "-")
    throw usageError("--report needs a file", "standard output is taken while the program runs", "--report run.html");
  return report;
}

/** A replay file is written when everything is over, too. */
export function saveTarget(flags: Flags): string | undefined {
  const save = flags.text("save");
  if (save === "-") throw usageError("--save needs a file", "it is a compressed file", "--save run.replay");
  return save;
}

function tunFdOf(flags: Flags): number | undefined {
  const fd = flags.whole("tun-fd", 3, FD_MAX);
  if (fd === undefined) return undefined;
  for (const other of ["queues", "force"]) {
    const isGiven = flags.text(other) !== undefined || flags.has(other);
    if (isGiven) throw usageError(`--tun-fd excludes --${other}`, "the device is open already, with one queue");
  }
  return fd;
}

function queuesOf(flags: Flags, isImpaired: boolean): number {
  const queues = flags.whole("queues", 1, QUEUES_MAX) ?? 1;
  if (queues === 1 || !isImpaired) return queues;
  throw usageError("--queues excludes link flags", "a link is one wire, and each queue would have one of its own");
}

/** Several queues are for services that need no file, keyboard or standard output. */
function checkQueues(queues: number, options: Partial<SessionOptions>): void {
  const { service, simultaneous, write, events, report, save } = options;
  if (queues === 1) return;
  if (service?.kind === "pipe" || service?.kind === "verify") {
    throw usageError(
      "--queues needs --echo, --discard or --source",
      "other data is read from one place and written to one place, by one thread",
    );
  }
  if (simultaneous)
    throw usageError("--queues excludes --simultaneous", "that is one connection, and it has one queue");
  if (report !== undefined) throw usageError("--report is for one queue", "it explains one stack", "--events FILE");
  if (save !== undefined) throw usageError("--save is for one queue", "it keeps the run of one stack", "--events FILE");
  for (const [flag, path] of [
    ["--write", write],
    ["--events", events],
  ] as const) {
    if (path === "-") {
      throw usageError(`${flag} - is for one queue`, "each queue writes a file of its own", `${flag} FILE`);
    }
  }
}

/** Only one of data, capture and events can go to standard output. */
function oneForOutput(write: string | undefined, events: string | undefined, data: boolean): void {
  const wanted = [write === "-" ? "the capture" : "", events === "-" ? "the events" : "", data ? "the data" : ""];
  const [first, second] = wanted.filter((what) => what !== "");
  if (second === undefined) return;
  const fix = second === "the data" ? `add --recv FILE, or write ${first} to a file` : `write ${second} to a file`;
  throw usageError(`standard output cannot carry both ${first} and ${second}`, "", fix);
}

/** Whether every segment is printed. Throws CliError. */
export function packetsOf(flags: Flags): boolean {
  const flag = ["packets", "explain"].find((name) => flags.has(name));
  if (flag !== undefined && flags.has("quiet"))
    throw usageError(`--quiet and --${flag} exclude each other`, `--${flag} prints lines, and --quiet none`);
  return flag !== undefined;
}

/** The port of --web; 0: any. Throws CliError. */
export function webOf(flags: Flags): number | undefined {
  return flags.text("web") === "" ? 0 : flags.whole("web", 0, 65_535);
}

/** The dashboard takes the screen and the keyboard. @param shows whether received data goes to standard output */
export function checkWatch(flags: Flags, shows: boolean): void {
  if (flags.has("quiet"))
    throw usageError("--quiet and --watch exclude each other", "one shows nothing, the other everything");
  if (shows && isTerminal(1) && !flags.has("json"))
    throw usageError(
      "--watch needs the screen for itself",
      "received data would be written over it",
      "--recv FILE, or --echo, --discard, --source or --verify",
    );
}

export function mannerOf(flags: Flags): Manner {
  if (flags.has("quiet") && flags.has("json")) throw new CliError(EXIT_USAGE, "--quiet and --json exclude each other");
  return flags.has("json") ? "json" : flags.has("quiet") ? "quiet" : "plain";
}

function serviceOf(role: Role, flags: Flags): Service {
  const [source, verify] = [flags.size("source"), flags.size("verify")];
  const given: Service[] = [];
  if (flags.has("echo")) given.push({ kind: "echo" });
  if (flags.has("discard")) given.push({ kind: "discard" });
  if (source !== undefined) given.push({ kind: "source", size: source });
  if (verify !== undefined) given.push({ kind: "verify", size: verify, role });
  if (given.length > 1) throw usageError("--echo, --discard, --source and --verify exclude each other");
  return given[0] ?? { kind: "pipe" };
}

/** The largest --max. A connection takes a few kilobytes of memory. */
const CONNECTIONS_MAX = 1_000_000;

function limitsOf(flags: Flags, serves: boolean): Partial<Limits> {
  const connections = flags.whole("max", 1, CONNECTIONS_MAX);
  const connectionsPerSource = flags.whole("max-per-source", 1, CONNECTIONS_MAX);
  const limits = {
    ...(connections === undefined ? {} : { connections }),
    ...(connectionsPerSource === undefined ? {} : { connectionsPerSource }),
  };
  if (serves || Object.keys(limits).length === 0) return limits;
  throw usageError(
    `${connections === undefined ? "--max-per-source" : "--max"} needs --keep or --echo`,
    "without them, host ends after its first connection",
    "add --keep or --echo",
  );
}

/** The shortest --timeout, µs. */
const TIMEOUT_MIN = 1_000;

function timeoutOf(flags: Flags): number | undefined {
  const timeout = flags.time("timeout");
  if (timeout === undefined || timeout >= TIMEOUT_MIN) return timeout;
  throw usageError(
    `--timeout ${flags.text("timeout")} is over before anything happens`,
    "",
    "for example --timeout 5s",
  );
}

function mtuOf(flags: Flags, { kernel }: Endpoint): number | undefined {
  return flags.whole("mtu", kernel.family === 4 ? 68 : 1280, 65_535);
}

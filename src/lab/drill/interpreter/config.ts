import { parseAddress } from "#ip/address";
import { type Script, ScriptError, type ScriptOption, Unsupported } from "../language/ast.ts";
import { parseOptions, parseOptionsFile, parseScript } from "../language/parser.ts";
import type { OptionsFile, ReadFile } from "../language/script-files.ts";
import { TOLERANCE_PERCENT, TOLERANCE_USECS } from "../language/timing.ts";
import type { Family } from "../packets/codec.ts";
import { PROFILE_NAMES, type Profile } from "../posix/target.ts";

/** The configuration of a run, from outside (the command line) or from the `--options` at the head of a script. */
export interface Config {
  readonly profile: Profile;
  /** For scripts of other kernels: minor differences between kernels are not compared (see `match.ts`). */
  readonly neutral: boolean;
  readonly family: Family;
  /** The family of sockets: IPv6 sockets also connect to mapped IPv4 addresses. */
  readonly socketFamily: Family;
  readonly mtu: number;
  /** An injected packet with more payload than this is a super-segment of segments of this size; 0: never. */
  readonly segmentSize: number;
  /** The two addresses, as text and as octets. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly bindPort: number;
  readonly connectPort: number;
  readonly toleranceUsecs: number;
  readonly tolerancePercent: number;
  readonly tsTickUsecs: number;
  readonly tsEchoScaled: boolean;
  /** Never merge live segments. */
  readonly strictSegments: boolean;
  /** Kinds of events whose errors are only noted. */
  readonly nonFatal: ReadonlySet<"packet" | "syscall">;
  /** Unexpected packets make a script fail. */
  readonly strict: boolean;
  readonly seed: number;
  /** Commands to run in addition to the script's init command. */
  readonly initScripts: readonly string[];
  readonly readFile: ReadFile;
}

const V4 = { local: "192.168.0.1", remote: "192.0.2.1" };
const V6 = { local: "fd3d:a0b:17d6::1", remote: "fd3d:fa7b:d17d::1" };

/** Options for running on a live kernel, which have no effect here. */
const MEANINGLESS = new Set([
  "verbose",
  "v",
  "dry_run",
  "debug",
  "speed",
  "persistent_tun_dev",
  "code_command",
  "code_format",
  "code_sockopt",
  "callbacks",
  "gateway_ip",
  "netmask_ip",
  "use_expect_bug",
  "is_anyip",
  "send_omit_free",
]);

type Words = Readonly<Record<string, string>>;
/** Words that the test suites' runner defines: the level and type of error messages, by the family of sockets and packets. */
const ERRORS4: Words = { CMSG_LEVEL_IP: "SOL_IP", CMSG_TYPE_RECVERR: "IP_RECVERR" };
const ERRORS6: Words = { CMSG_LEVEL_IP: "SOL_IPV6", CMSG_TYPE_RECVERR: "IPV6_RECVERR" };
/** The Fast Open cookies of the peer's usual address, with the key of defaults.sh and with a key of zeros. */
const COOKIES4: Words = { TFO_COOKIE: "3021b9d889017eeb", TFO_COOKIE_ZERO: "b7c12350a90dc8f5" };
const COOKIES6: Words = { TFO_COOKIE: "c1d1e9742a47a9bc", TFO_COOKIE_ZERO: "82af1a8f9a205c34" };
const USUAL: Readonly<Record<string, Words>> = {
  ipv4: { ...ERRORS4, ...COOKIES4 },
  ipv6: { ...ERRORS6, ...COOKIES6 },
  "ipv4-mapped-ipv6": { ...ERRORS6, ...COOKIES4 },
};

export interface Reading {
  /** Undefined: the profile that the script or its folder names, or Linux. */
  readonly profile: Profile | undefined;
  readonly defines: ReadonlyMap<string, string>;
  /** Options that override the script's own. */
  readonly options: ReadonlyMap<string, string>;
  /** Options of the folders around it, which the script's own override. */
  readonly folders?: readonly OptionsFile[];
}

/** Parses a script, with the definitions of the command line and the script's own `--define`. */
export function readScript(source: string, file: string, reading: Reading): Script & { readonly profile: Profile } {
  const { defines, options: outside, folders = [] } = reading;
  const words = new Map(defines);
  const inherited = folders.flatMap((each) => parseOptionsFile(each.source, each.file, words));
  const own = [...inherited, ...parseOptions(source, file, words)];
  const profile = reading.profile ?? writtenProfile(own);
  if (profile === "freebsd" && !words.has("STANDARD")) words.set("STANDARD", "1");
  const version = outside.get("ip_version") ?? own.findLast(({ name }) => name === "ip_version")?.value ?? "ipv4";
  for (const [name, value] of Object.entries(USUAL[version] ?? {})) if (!words.has(name)) words.set(name, value);
  for (const option of own) {
    if (option.name !== "define" && option.name !== "D") continue;
    const equals = option.value.indexOf("=");
    const name = equals < 0 ? option.value : option.value.slice(0, equals);
    if (!words.has(name)) words.set(name, equals < 0 ? "1" : option.value.slice(equals + 1));
  }
  return { ...parseScript(source, file, words), options: own, profile };
}

/** The profile that a script or its folder names. */
function writtenProfile(options: readonly ScriptOption[]): Profile {
  const option = options.findLast(({ name }) => name === "profile");
  if (!option) return "linux";
  const found = PROFILE_NAMES.find((name) => name === option.value);
  if (found) return found;
  throw new ScriptError(option.position, `expected --profile=${PROFILE_NAMES.join(", ")}`);
}

/** The configuration for this script: its own options, overridden by those from outside. */
export function configure(script: Pick<Script, "options">, outside: ConfigureOptions): Config {
  const { profile, strict, seed } = outside;
  const options = [...script.options, ...fromOutside(outside.options)];
  for (const option of options) known(option);
  const value = (name: string): ScriptOption | undefined => options.findLast((option) => option.name === name);
  const number = (name: string, otherwise: number, low: number, high: number): number => {
    const option = value(name);
    if (!option) return otherwise;
    const n = /^(\d+|0x[0-9a-fA-F]+)$/.test(option.value) ? Number(option.value) : Number.NaN;
    if (n >= low && n <= high) return n;
    throw new ScriptError(option.position, `expected --${name}=N with N from ${low} to ${high}`);
  };
  const version = value("ip_version");
  if (version && !["ipv4", "ipv6", "ipv4-mapped-ipv6"].includes(version.value)) {
    throw new ScriptError(version.position, "expected --ip_version=ipv4, ipv6 or ipv4-mapped-ipv6");
  }
  const family: Family = version?.value === "ipv6" ? 6 : 4;
  const socketFamily: Family = version === undefined || version.value === "ipv4" ? 4 : 6;
  const written = (name: "local" | "remote") => value(`${name}_ip`)?.value ?? (family === 6 ? V6 : V4)[name];
  const address = (name: "local" | "remote") => {
    const option = value(`${name}_ip`);
    const bytes = addressBytes(written(name), family);
    if (bytes) return bytes;
    throw new ScriptError(option!.position, `expected --${name}_ip=ADDRESS with an IPv${family} address`);
  };
  return {
    profile,
    neutral: profile === "freebsd" || value("neutral") !== undefined,
    family,
    socketFamily,
    mtu: number("mtu", 1500, family === 6 ? 1280 : 68, 65_535),
    segmentSize: number("mss", 0, 0, 65_535),
    localAddress: written("local"),
    remoteAddress: written("remote"),
    local: address("local"),
    remote: address("remote"),
    bindPort: number("bind_port", 8080, 1, 65_535),
    connectPort: number("connect_port", 8080, 1, 65_535),
    toleranceUsecs: number("tolerance_usecs", outside.toleranceUsecs ?? TOLERANCE_USECS, 0, 1e9),
    tolerancePercent: number("tolerance_percent", TOLERANCE_PERCENT, 0, 100),
    tsTickUsecs: number("tcp_ts_tick_usecs", 0, 0, 1e6),
    tsEchoScaled: value("tcp_ts_ecr_scaled") !== undefined,
    strictSegments: value("strict_segments") !== undefined || profile === "freebsd",
    nonFatal: nonFatal(value("non_fatal")),
    strict: strict || value("strict") !== undefined,
    seed,
    initScripts: value("init_scripts")?.value.split(",") ?? [],
    readFile: outside.readFile ?? (() => undefined),
  };
}

export interface ConfigureOptions {
  readonly profile: Profile;
  readonly strict: boolean;
  readonly seed: number;
  readonly options: ReadonlyMap<string, string>;
  /** The tolerance if neither the script nor an option sets one. */
  readonly toleranceUsecs?: number | undefined;
  /** Reads the files that scripts may open; undefined: none. */
  readonly readFile?: ReadFile;
}

function fromOutside(options: ReadonlyMap<string, string>): ScriptOption[] {
  const position = { file: "the command line", line: 0, column: 0 };
  return [...options].map(([name, value]) => ({ name, value, position }));
}

/** `--non_fatal=packet,syscall`: such errors are noted, and the script continues. */
function nonFatal(option: ScriptOption | undefined): ReadonlySet<"packet" | "syscall"> {
  const kinds = new Set<"packet" | "syscall">();
  for (const kind of option?.value.split(",") ?? []) {
    if (kind !== "packet" && kind !== "syscall")
      throw new ScriptError(option!.position, "expected --non_fatal=packet, syscall, or both with a comma between");
    kinds.add(kind);
  }
  return kinds;
}

const KNOWN = new Set([
  "profile",
  "neutral",
  "strict",
  "ip_version",
  "mtu",
  "mss",
  "local_ip",
  "remote_ip",
  "bind_port",
  "connect_port",
  "tolerance_usecs",
  "tolerance_percent",
  "tcp_ts_tick_usecs",
  "tcp_ts_ecr_scaled",
  "strict_segments",
  "non_fatal",
  "init_scripts",
  "define",
  "D",
]);

function known({ name, position }: ScriptOption): void {
  if (!KNOWN.has(name) && !MEANINGLESS.has(name)) throw new Unsupported(`option --${name}`, position);
}

/** The bytes of "192.0.2.1" or "fd3d::1"; undefined if it is not an address. */
export function addressBytes(text: string, family: Family): Uint8Array | undefined {
  const address = parseAddress(text);
  if (address?.family !== family) return undefined;
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  if (family === 4) view.setInt32(0, address.d);
  else for (const [i, word] of [address.a, address.b, address.c, address.d].entries()) view.setInt32(4 * i, word);
  return bytes;
}

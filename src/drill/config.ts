import { type Script, ScriptError, type ScriptOption, Unsupported } from "./ast.ts";
import type { Family } from "./codec.ts";
import type { Profile } from "./engine.ts";
import { parseScript } from "./parser.ts";
import { TOLERANCE_USECS } from "./timing.ts";

/** What a run is told from outside (the command line) or by the `--options` at the head of a script. */
export interface Config {
  readonly profile: Profile;
  readonly family: Family;
  readonly mtu: number;
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly bindPort: number;
  readonly connectPort: number;
  readonly toleranceUsecs: number;
  readonly tsTickUsecs: number;
  readonly tsEchoScaled: boolean;
  /** Never merge live segments. */
  readonly strictSegments: boolean;
  /** Packets that no expectation reads are a failure. */
  readonly strict: boolean;
  readonly seed: number;
  /** Commands that scripts name beside their init command. */
  readonly initScripts: readonly string[];
}

const V4 = { local: "192.168.0.1", remote: "192.0.2.1" };
const V6 = { local: "fd3d:a0b:17d6::1", remote: "fd3d:fa7b:d17d::1" };

/** Options that are about running on a live kernel: nothing here depends on them. */
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
]);

/** Reads a script, with the words that the command line and the script's own `--define` give. */
export function readScript(
  source: string,
  file: string,
  profile: Profile,
  defines: ReadonlyMap<string, string>,
): Script {
  const words = new Map(profile === "freebsd" ? [["STANDARD", "1"]] : []);
  for (const [name, value] of defines) words.set(name, value);
  const script = parseScript(source, file, words);
  const own = script.options.filter(({ name }) => name === "define" || name === "D");
  if (own.length === 0) return script;
  for (const option of own) {
    const equals = option.value.indexOf("=");
    const name = equals < 0 ? option.value : option.value.slice(0, equals);
    if (!words.has(name)) words.set(name, equals < 0 ? "1" : option.value.slice(equals + 1));
  }
  return parseScript(source, file, words);
}

export function configure(script: Script, profile: Profile, strict: boolean, seed: number): Config {
  const value = (name: string): ScriptOption | undefined => script.options.findLast((option) => option.name === name);
  const number = (name: string, otherwise: number, high: number): number => {
    const option = value(name);
    if (!option) return otherwise;
    if (!/^\d+$/.test(option.value) || Number(option.value) > high) {
      throw new ScriptError(option.position, `expected --${name}=N with N up to ${high}`);
    }
    return Number(option.value);
  };
  for (const option of script.options) known(option);
  const version = value("ip_version");
  if (version && !["ipv4", "ipv6", "ipv4-mapped-ipv6"].includes(version.value)) {
    throw new ScriptError(version.position, "expected --ip_version=ipv4, ipv6 or ipv4-mapped-ipv6");
  }
  const family: Family = version?.value === "ipv6" ? 6 : 4;
  const fixed = family === 6 ? V6 : V4;
  return {
    profile,
    family,
    mtu: number("mtu", 1500, 65535),
    local: addressBytes(value("local_ip")?.value ?? fixed.local, family),
    remote: addressBytes(value("remote_ip")?.value ?? fixed.remote, family),
    bindPort: number("bind_port", 8080, 65535),
    connectPort: number("connect_port", 8080, 65535),
    toleranceUsecs: number("tolerance_usecs", TOLERANCE_USECS, 1e9),
    tsTickUsecs: number("tcp_ts_tick_usecs", 0, 1e6),
    tsEchoScaled: value("tcp_ts_ecr_scaled") !== undefined,
    strictSegments: value("strict_segments") !== undefined || profile === "freebsd",
    strict,
    seed,
    initScripts: value("init_scripts")?.value.split(",") ?? [],
  };
}

const KNOWN = new Set([
  "ip_version",
  "mtu",
  "local_ip",
  "remote_ip",
  "bind_port",
  "connect_port",
  "tolerance_usecs",
  "tcp_ts_tick_usecs",
  "tcp_ts_ecr_scaled",
  "strict_segments",
  "init_scripts",
  "define",
  "D",
]);

function known({ name, position }: ScriptOption): void {
  if (!KNOWN.has(name) && !MEANINGLESS.has(name)) throw new Unsupported(`option --${name}`, position);
}

/** "192.0.2.1" or "fd3d::1" as bytes. */
export function addressBytes(text: string, family: Family): Uint8Array {
  if (family === 4) return Uint8Array.from(text.split(".").map(Number));
  const [head = "", tail] = text.split("::");
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  const front = words(head);
  const back = words(tail ?? "");
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

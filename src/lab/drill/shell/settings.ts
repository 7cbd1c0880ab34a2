import { type Answer, OK, said } from "./answer.ts";
import type { ShellHost } from "./host.ts";
import type { Program } from "./programs.ts";
import type { Setting } from "./setting.ts";
import { sysctlDefault } from "./sysctl-defaults.ts";
import { sysctlReader } from "./sysctls.ts";

/** sysctl, and writes to files that represent settings. */

const DEFAULTS_SCRIPT = /(?:^|\/)(?:defaults|set_sysctls_defaults|ksft_runner)\.sh$/;
const RESTORE = /sysctl_restore|restore_sysctls|^\S*\/tmp\/\S*restore\S*\.sh/;

export function isDefaultsScript(path: string): boolean {
  return DEFAULTS_SCRIPT.test(path);
}

export function isRestoringScript(line: string): boolean {
  return RESTORE.test(line);
}

/** The changes of the suite's defaults.sh to the kernel's defaults, as far as they affect packets. */
const SUITE: readonly (readonly [string, string])[] = [
  ["net.ipv4.tcp_ecn", "0"],
  ["net.ipv4.tcp_slow_start_after_idle", "0"],
  ["net.ipv4.tcp_syn_retries", "5"],
  ["net.ipv4.tcp_fastopen", "0x70403"],
  ["net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"],
];

export function defaults(host: ShellHost): Answer | undefined {
  return SUITE.every(([name, value]) => assign(host, name, value, false)) ? OK : undefined;
}

/** Applies all settings; false if the machine does not have one of them. */
export function applied(host: ShellHost, settings: readonly Setting[] | undefined): boolean {
  return settings?.every(({ name, value }) => host.configure(name, value)) ?? false;
}

/** `sysctl -w a=b c=d`, `sysctl -n a`, `sysctl a`; also `set_sysctls.py /proc/sys/…=b`. */
export const sysctl: Program = (args, { host }) => {
  const words = args
    .join("\n")
    .replace(/\n=\n/g, "=")
    .split("\n")
    .filter((word) => word !== "");
  const flags = words.filter((word) => /^-\w+$/.test(word)).join("");
  if (/[^-qweniNab]/.test(flags) || flags.includes("a")) return undefined;
  const lines: string[] = [];
  for (const word of words.filter((each) => !/^-\w+$/.test(each))) {
    const equals = word.indexOf("=");
    if (equals < 0) {
      const value = readSetting(host, word);
      if (value === undefined) return undefined;
      lines.push(flags.includes("n") ? value : host.profile === "freebsd" ? `${word}: ${value}` : `${word} = ${value}`);
    } else if (!assign(host, word.slice(0, equals), word.slice(equals + 1), /[ei]/.test(flags))) return undefined;
  }
  return said(lines);
};

/** Converts a name or a path to "net.ipv4.tcp_sack". */
function nameOf(text: string): string {
  return text
    .trim()
    .replace(/^\/?proc\/sys\//, "")
    .replaceAll("/", ".");
}

/** @param lenient -e: unknown names are ignored */
function assign(host: ShellHost, written: string, text: string, lenient: boolean): boolean {
  const [name, value] = [nameOf(written), text.trim()];
  if (host.isSystem) return host.writeSysctl(name, value);
  const reader = sysctlReader(name);
  if (!reader) return lenient && !name.startsWith("net.ipv4.tcp_");
  return applied(host, reader(value)) && host.writeSysctl(name, value);
}

/** The current value of a setting: as set by a script, or the machine's own. */
export function readSetting(host: ShellHost, written: string): string | undefined {
  const name = nameOf(written);
  return host.readSysctl(name) ?? sysctlDefault(name, host.profile);
}

/** `… > /proc/sys/net/ipv4/tcp_sack`. False: not supported. */
export function writeSetting(host: ShellHost, path: string, value: string): boolean {
  if (path.startsWith("/proc/sys/")) return assign(host, path, value, false);
  const parameter = /^\/sys\/module\/tcp_cubic\/parameters\/(\w+)$/.exec(path)?.[1];
  return parameter !== undefined && !host.isSystem && applied(host, cubicParameter(parameter, value));
}

/** Parameters of Linux's CUBIC: those of HyStart can be set, others must keep their values. */
function cubicParameter(name: string, value: string): Setting[] | undefined {
  const ways = { hystart: ["0", "3"], hystart_detect: ["0", "1", "2", "3"] }[name];
  if (name === "hystart" && value === "1") return [{ name: "hystart", value: 3 }];
  if (ways) return ways.includes(value) ? [{ name: "hystart", value: Number(value) }] : undefined;
  return CUBIC[name] === value ? [] : undefined;
}
const CUBIC: Readonly<Record<string, string>> = {
  beta: "717",
  bic_scale: "41",
  fast_convergence: "1",
  initial_ssthresh: "0",
  hystart_ack_delta_us: "2000",
  hystart_low_window: "16",
  tcp_friendliness: "1",
};

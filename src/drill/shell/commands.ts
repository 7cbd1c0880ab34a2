import { type Action, type Source, set } from "./actions.ts";
import { type Filter, filterOf } from "./filters.ts";
import { sockstat, tcpdrop } from "./freebsd.ts";
import { deviceCommand, ipCommand, offloadCommand, queueCommand } from "./network.ts";
import { parseShell, type SimpleCommand, type Step } from "./parse.ts";
import { sysctlReader } from "./sysctls.ts";

/**
 * Shell commands of scripts, as far as they say something about the stack under test. They are never run: a command that
 * is not understood makes the script unsupported.
 */

/**
 * What a line of shell asks for, in order; undefined: it is not understood.
 * @param system what is under test has sysctls itself: they are not translated.
 */
export function understand(command: string, system = false): Action[] | undefined {
  const steps = parseShell(command);
  if (!steps) return undefined;
  const actions: Action[] = [];
  for (const step of steps) {
    const understood = oneStep(step, system);
    if (!understood) return undefined;
    const before = step.after === "failure" ? actions.pop() : undefined;
    if (before) actions.push({ kind: "either", first: [before], second: understood });
    else if (step.after !== "failure") actions.push(...understood);
  }
  return actions;
}

const DEFAULTS_SCRIPT = /(?:^|\/)(?:defaults|set_sysctls_defaults|ksft_runner)\.sh$/;
const RESTORE = /sysctl_restore|restore_sysctls|^\S*\/tmp\/\S*restore\S*\.sh/;

function oneStep(step: Step, system: boolean): Action[] | undefined {
  const [first, ...rest] = step.stages;
  if (first!.words[0] === "sockstat") return step.inverted ? undefined : sockstat(textOf(step));
  const source = sourceOf(step.stages);
  if (!source) return rest.length === 0 && !step.inverted ? oneCommand(first!, system) : undefined;
  const filters = (source.filters ?? rest).map(filterOf);
  if (filters.some((filter) => filter === undefined)) return undefined;
  const text = textOf(step);
  return [{ kind: "check", source: source.source, filters: filters as Filter[], inverted: step.inverted, text }];
}

function textOf(step: Step): string {
  return step.stages.map(({ words }) => words.join(" ")).join(" | ");
}

interface From {
  readonly source: Source;
  /** What the text goes through, if it is not what stands behind the first command. */
  readonly filters?: readonly SimpleCommand[];
}

const SOCKETS = /^\/proc\/(self\/)?net\/tcp6?$/;

/** What the first command of a pipeline writes, if it is one that tells something. */
function sourceOf(stages: readonly SimpleCommand[]): From | undefined {
  const [{ words, into }, ...rest] = stages as [SimpleCommand, ...SimpleCommand[]];
  const name = words[0]?.replace(/^.*\//, "");
  if (name === "nstat" && into.length === 0) return counters(words.slice(1), rest);
  if (name === "echo" && rest.length > 0) return { source: { kind: "text", lines: [words.slice(1).join(" ")] } };
  const files = words.filter((word) => SOCKETS.test(word));
  if (files.length === 0) return undefined;
  if (name === "cat" && files.length === words.length - 1) return { source: { kind: "sockets" } };
  // grep reads the files itself.
  const own = { words: words.filter((word) => !SOCKETS.test(word)), into };
  return name === "grep" ? { source: { kind: "sockets" }, filters: [own, ...rest] } : undefined;
}

/** `nstat -n`, `nstat | grep NAME | …`: which counters it is about must be told, for not all are kept. */
function counters(args: readonly string[], rest: readonly SimpleCommand[]): From | undefined {
  const flags = args.filter((arg) => arg.startsWith("-")).join("");
  const wanted = args.filter((arg) => !arg.startsWith("-"));
  const all = [...wanted, ...rest.flatMap(({ words }) => words)];
  const names = all.flatMap((word) => word.match(/\b(?:Tcp|Ip|Icmp|Udp)[A-Z][A-Za-z0-9]*/g) ?? []);
  if (/[^-naszr]/.test(flags) || (rest.length > 0 && names.length === 0)) return undefined;
  const own = wanted.map((name) => ({ words: ["grep", "-w", name], into: [] }));
  const [absolute, zeros, keeps] = ["a", "z", "s"].map((flag) => flags.includes(flag)) as [boolean, boolean, boolean];
  return own.length > 1
    ? undefined
    : { source: { kind: "counters", names, absolute, zeros, keeps }, filters: [...own, ...rest] };
}

function oneCommand({ words: all, into }: SimpleCommand, system: boolean): Action[] | undefined {
  const words = [...all];
  while (["sudo", "sh", "bash", ".", "source", "env"].includes(words[0] ?? "")) words.shift();
  const name = words[0]?.replace(/^.*\//, "") ?? "";
  if (DEFAULTS_SCRIPT.test(words[0] ?? "")) return system ? [...LINUX_DEFAULTS] : [...DEFAULTS];
  if (RESTORE.test(words.join(" "))) return [];
  if (into.length > 0) return written(words, into, system);
  switch (name) {
    case "true":
    case ":":
    case "sync":
    case "echo":
    case "printf":
    case "rm":
    case "modprobe":
    case "ulimit":
      return [];
    case "set":
      return /^[-+][eux]+$/.test(words[1] ?? "") && words.length === 2 ? [] : undefined;
    case "sysctl":
    case "set_sysctls.py":
      return settings(words.slice(1), system);
    case "sleep":
      return /^\d+(\.\d+)?$/.test(words[1] ?? "")
        ? [{ kind: "sleep", usecs: Math.round(Number(words[1]) * 1e6) }]
        : undefined;
    case "ip":
      return ipCommand(words);
    case "ifconfig":
      return deviceCommand(words.slice(1));
    case "tc":
      return queueCommand(words);
    case "ethtool":
      return offloadCommand(words);
    case "dd":
    case "truncate":
    case "fallocate":
      return fileOf(name, words.slice(1));
    case "kldload":
      // The congestion controls and statistics of FreeBSD's kernel; another TCP is chosen by a sysctl.
      return /^(cc_\w+|siftr|tcp_\w+)$/.test(words.at(-1) ?? "") ? [] : undefined;
    case "tcpdrop":
      return tcpdrop(words);
    default:
      return undefined;
  }
}

/** `echo V > /proc/sys/…`, `head -c N /dev/zero > FILE`, `: > FILE` */
function written(words: readonly string[], into: readonly string[], system: boolean): Action[] | undefined {
  const [file] = into;
  if (into.length !== 1 || file === undefined) return undefined;
  if (file.startsWith("/proc/sys/")) {
    if (words[0] !== "echo") return undefined;
    const value = words.slice(words[1] === "-n" ? 2 : 1).join(" ");
    return settings([`${file}=${value}`], system);
  }
  const parameter = /^\/sys\/module\/tcp_cubic\/parameters\/(\w+)$/.exec(file)?.[1];
  if (parameter !== undefined) return system || words[0] !== "echo" ? undefined : cubicParameter(parameter, words[1]);
  if (words[0] === "echo" || words[0] === "printf" || RESTORE.test(file)) return undefined;
  const octets =
    words[0] === "head" && words[1] === "-c" && words[3] === "/dev/zero" ? size(words[2] ?? "") : undefined;
  return octets === undefined ? undefined : [{ kind: "file", path: file, octets }];
}

/** Linux' CUBIC: what its HyStart looks at; everything else only as it is. */
function cubicParameter(name: string, value = ""): Action[] | undefined {
  const ways = { hystart: ["0", "3"], hystart_detect: ["0", "1", "2", "3"] }[name];
  if (name === "hystart" && value === "1") return [set("hystart", 3)];
  if (ways) return ways.includes(value) ? [set("hystart", Number(value))] : undefined;
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

/** `dd if=/dev/zero of=FILE bs=N count=N`, `truncate -s N FILE`, `fallocate -l N FILE` */
function fileOf(name: string, args: readonly string[]): Action[] | undefined {
  if (name !== "dd") {
    const octets = args[0] === "-s" || args[0] === "-l" ? size(args[1] ?? "") : undefined;
    return octets === undefined || args.length !== 3 ? undefined : [{ kind: "file", path: args[2]!, octets }];
  }
  const given = new Map(args.map((arg) => arg.split("=", 2) as [string, string]));
  const [block, count, path] = [size(given.get("bs") ?? "512"), size(given.get("count") ?? "1"), given.get("of")];
  if (given.get("if") !== "/dev/zero" || path === undefined || block === undefined || count === undefined)
    return undefined;
  return [{ kind: "file", path, octets: block * count }];
}

function size(text: string): number | undefined {
  const found = /^(\d+)([kKMG])?B?$/.exec(text);
  return found
    ? Number(found[1]) * { k: 1 << 10, K: 1 << 10, M: 1 << 20, G: 1 << 30 }[found[2] ?? ""]! || Number(found[1])
    : undefined;
}

/** Every `name=value` of a sysctl line. */
function settings(words: readonly string[], system: boolean): Action[] | undefined {
  const actions: Action[] = [];
  const joined = words.join("\n").replace(/\n=\n/g, "=").split("\n");
  const lenient = joined.some((word) => /^-\w*e/.test(word));
  for (const word of joined) {
    if (/^-\w+$/.test(word)) continue;
    const equals = word.indexOf("=");
    if (equals < 0) return undefined;
    const name = word
      .slice(0, equals)
      .trim()
      .replace(/^\/proc\/sys\//, "")
      .replaceAll("/", ".");
    const value = word.slice(equals + 1).trim();
    const reader = sysctlReader(name);
    // -e passes over names that there are not.
    if (!system && !reader && lenient && !name.startsWith("net.ipv4.tcp_")) continue;
    const setting = system ? [sysctl(name, value)] : reader?.(value);
    if (!setting) return undefined;
    actions.push(...setting);
  }
  return actions;
}

const sysctl = (name: string, value: string): Action => ({ kind: "sysctl", name, value });

/** What the suite's defaults.sh changes of a kernel's own defaults, as far as packets depend on it. */
const SUITE: readonly (readonly [string, string])[] = [
  ["net.ipv4.tcp_ecn", "0"],
  ["net.ipv4.tcp_slow_start_after_idle", "0"],
  ["net.ipv4.tcp_syn_retries", "5"],
  ["net.ipv4.tcp_fastopen", "0x70403"],
  ["net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"],
];
const LINUX_DEFAULTS: readonly Action[] = SUITE.map(([name, value]) => sysctl(name, value));
const DEFAULTS: readonly Action[] = SUITE.flatMap(([name, value]) => sysctlReader(name)?.(value) ?? []);

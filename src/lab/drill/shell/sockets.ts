import { stateOf, stateWord } from "../constants/freebsd.ts";
import type { StateName } from "../posix/target.ts";
import { type Answer, NO, OK, said } from "./answer.ts";
import type { ShellHost, SocketEntry } from "./host.ts";
import type { Context } from "./programs.ts";
import { ss } from "./ss.ts";

/** Programs and files that list sockets: sockstat, tcpdrop, netstat, ss, /proc/net/tcp. */

export function socketProgram(name: string, args: readonly string[], { host }: Context): Answer | undefined {
  switch (name) {
    case "sockstat":
      return sockstat(args, host);
    case "tcpdrop":
      return tcpdrop(args, host);
    case "netstat":
      return netstat(args, host);
    case "ss":
      return ss(args, host);
    default:
      return undefined;
  }
}

/** Separate flags, with their values if they take one. Undefined: an unknown flag. */
function flagsOf(args: readonly string[], alone: RegExp, taking: RegExp): Map<string, string> | undefined {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!/^-\w/.test(arg)) return undefined;
    for (let at = 1; at < arg.length; at++) {
      const flag = arg[at]!;
      if (taking.test(flag)) {
        flags.set(flag, arg.slice(at + 1) || (args[++i] ?? ""));
        break;
      }
      if (!alone.test(flag)) return undefined;
      flags.set(flag, "");
    }
  }
  return flags;
}

// ---- FreeBSD

/** packetdrill's program name, of which sockstat shows the first letters or all. */
const PROGRAM = "packetdrill";

/** `sockstat [-46clnqsw] [-P tcp] [-p PORT]`: FreeBSD's columns, and with -s the state. */
function sockstat(args: readonly string[], host: ShellHost): Answer | undefined {
  const flags = flagsOf(args, /[46acClIiLnqsSUvw]/, /[Pjp]/);
  if (!flags || !/^(tcp)?$/.test(flags.get("P") ?? "")) return undefined;
  const family = String(host.family);
  const isOther = (flags.has("4") || flags.has("6")) && !flags.has(family);
  const wanted = flags.get("p")?.split(",").map(Number);
  const kind = (listens: boolean) => flags.has(listens ? "l" : "c") || (!flags.has("l") && !flags.has("c"));
  const lines: string[] = [];
  if (!flags.has("q"))
    lines.push(
      `USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS${flags.has("s") ? "       STATE" : ""}`,
    );
  for (const entry of isOther ? [] : host.sockets()) {
    const { state, localPort, remotePort, descriptor } = entry;
    if (!kind(state === "LISTEN")) continue;
    if (wanted && !wanted.includes(localPort) && !wanted.includes(remotePort)) continue;
    const owner =
      descriptor === undefined
        ? "?        ?          ?     ?  "
        : `root     ${PROGRAM} 4711  ${String(descriptor).padEnd(3)}`;
    const [local, remote] = ends(entry, host, ":");
    const shown = flags.has("s") ? ` ${stateWord(state)}` : "";
    lines.push(`${owner} tcp${family}   ${local.padEnd(21)} ${remote.padEnd(21)}${shown}`);
  }
  return said(lines);
}

function ends({ state, localPort, remotePort }: SocketEntry, host: ShellHost, between: string): [string, string] {
  if (state === "LISTEN") return [`*${between}${localPort}`, `*${between}*`];
  return [`${host.localAddress}${between}${localPort}`, `${host.remoteAddress}${between}${remotePort}`];
}

/** `tcpdrop -a`, `tcpdrop -s STATE`, `tcpdrop LADDR LPORT FADDR FPORT`. Fails if there is nothing to drop. */
function tcpdrop(args: readonly string[], host: ShellHost): Answer | undefined {
  const words = args.filter((arg) => arg !== "-l");
  if (words.join() === "-a") return dropped(host, () => true);
  if (words[0] === "-s") {
    const state = stateOf(words[1] ?? "");
    return state && words.length === 2 ? dropped(host, (entry) => entry.state === state) : undefined;
  }
  // The ports, after the addresses or attached to them.
  const ports =
    words.length === 4
      ? [words[1], words[3]]
      : words.length === 2
        ? words.map((word) => /[.:](\d+)$/.exec(word)?.[1])
        : [];
  const [local, remote] = ports.map(Number);
  if (!local || !remote) return undefined;
  return dropped(host, (entry) => entry.localPort === local && entry.remotePort === remote, NO);
}

function dropped(host: ShellHost, which: (entry: SocketEntry) => boolean, otherwise: Answer = OK): Answer {
  return host.drop((entry) => entry.state !== "LISTEN" && which(entry)) > 0 ? OK : otherwise;
}

// ---- netstat, of both systems

const LINUX_STATES: Readonly<Record<StateName, string>> = {
  ESTABLISHED: "ESTABLISHED",
  "SYN-SENT": "SYN_SENT",
  "SYN-RECEIVED": "SYN_RECV",
  "FIN-WAIT-1": "FIN_WAIT1",
  "FIN-WAIT-2": "FIN_WAIT2",
  "TIME-WAIT": "TIME_WAIT",
  CLOSED: "CLOSE",
  "CLOSE-WAIT": "CLOSE_WAIT",
  "LAST-ACK": "LAST_ACK",
  LISTEN: "LISTEN",
  CLOSING: "CLOSING",
};

function netstat(args: readonly string[], host: ShellHost): Answer | undefined {
  const freebsd = host.profile === "freebsd";
  const flags = flagsOf(args, freebsd ? /[46anWL]/ : /[46antlWoep]/, freebsd ? /[pf]/ : /$^/);
  if (!flags || (flags.has("p") && freebsd && flags.get("p") !== "tcp") || (!freebsd && !flags.has("t")))
    return undefined;
  const lines = freebsd
    ? ["Active Internet connections", "Proto Recv-Q Send-Q Local Address          Foreign Address        (state)"]
    : ["Active Internet connections", "Proto Recv-Q Send-Q Local Address           Foreign Address         State"];
  for (const entry of host.sockets()) {
    const listens = entry.state === "LISTEN";
    if (listens ? !flags.has("a") && !flags.has("l") : flags.has("l")) continue;
    if (entry.state === "CLOSED" && !freebsd) continue;
    const [local, remote] = ends(entry, host, freebsd ? "." : ":");
    const state = freebsd ? stateWord(entry.state) : LINUX_STATES[entry.state];
    const queues = `${String(entry.receiveQueue).padStart(6)} ${String(entry.sendQueue).padStart(6)}`;
    lines.push(
      `${freebsd ? `tcp${host.family}` : "tcp "}  ${queues} ${local.padEnd(23)} ${remote.padEnd(23)} ${state}`,
    );
  }
  return said(lines);
}

// ---- Linux

/** The state codes of /proc/net/tcp. */
const NUMBERS: Readonly<Record<StateName, string>> = {
  ESTABLISHED: "01",
  "SYN-SENT": "02",
  "SYN-RECEIVED": "03",
  "FIN-WAIT-1": "04",
  "FIN-WAIT-2": "05",
  "TIME-WAIT": "06",
  CLOSED: "07",
  "CLOSE-WAIT": "08",
  "LAST-ACK": "09",
  LISTEN: "0A",
  CLOSING: "0B",
};

/** The content of /proc/net/tcp and similar files; undefined for other files. */
export function socketsFile(path: string, host: ShellHost): string | undefined {
  const found = /^\/proc\/(?:self\/)?net\/tcp(6?)$/.exec(path);
  if (!found) return undefined;
  const lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"];
  const entries = found[1] === (host.family === 6 ? "6" : "") ? host.sockets() : [];
  for (const entry of entries.filter(({ state }) => state !== "CLOSED")) {
    const hex = (n: number, width: number) => n.toString(16).toUpperCase().padStart(width, "0");
    const address = "0".repeat(host.family === 6 ? 32 : 8);
    const queues = `${hex(entry.sendQueue, 8)}:${hex(entry.receiveQueue, 8)}`;
    const rest = `${queues} 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0`;
    const ports = `${address}:${hex(entry.localPort, 4)} ${address}:${hex(entry.remotePort, 4)}`;
    lines.push(`${String(lines.length - 1).padStart(4)}: ${ports} ${NUMBERS[entry.state]} ${rest}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

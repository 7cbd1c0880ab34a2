import type { StateName } from "../posix/target.ts";
import { type Answer, said } from "./answer.ts";
import type { ShellHost, SocketEntry } from "./host.ts";

/** ss, for TCP: states, ports, queues, and with -i tcp_info. */

const STATES: Readonly<Record<StateName, string>> = {
  ESTABLISHED: "ESTAB",
  "SYN-SENT": "SYN-SENT",
  "SYN-RECEIVED": "SYN-RECV",
  "FIN-WAIT-1": "FIN-WAIT-1",
  "FIN-WAIT-2": "FIN-WAIT-2",
  "TIME-WAIT": "TIME-WAIT",
  CLOSED: "UNCONN",
  "CLOSE-WAIT": "CLOSE-WAIT",
  "LAST-ACK": "LAST-ACK",
  LISTEN: "LISTEN",
  CLOSING: "CLOSING",
};

const NAMES: Readonly<Record<string, readonly StateName[]>> = {
  established: ["ESTABLISHED"],
  estab: ["ESTABLISHED"],
  "syn-sent": ["SYN-SENT"],
  "syn-recv": ["SYN-RECEIVED"],
  "fin-wait-1": ["FIN-WAIT-1"],
  "fin-wait-2": ["FIN-WAIT-2"],
  "time-wait": ["TIME-WAIT"],
  closed: ["CLOSED"],
  "close-wait": ["CLOSE-WAIT"],
  "last-ack": ["LAST-ACK"],
  listening: ["LISTEN"],
  listen: ["LISTEN"],
  closing: ["CLOSING"],
};
const ALL = Object.keys(STATES) as StateName[];
const CONNECTED = ALL.filter((state) => state !== "LISTEN" && state !== "CLOSED");
const SYNCHRONIZED = CONNECTED.filter((state) => state !== "SYN-SENT");

interface Query {
  readonly flags: ReadonlySet<string>;
  readonly states: ReadonlySet<StateName>;
  readonly only: boolean;
  readonly accepts: (entry: SocketEntry) => boolean;
}

export function ss(args: readonly string[], host: ShellHost): Answer | undefined {
  const query = queryOf(args, host);
  if (!query) return undefined;
  const { flags, states, accepts } = query;
  const entries = host
    .sockets()
    .filter((entry) => states.has(entry.state) && entry.state !== "CLOSED" && accepts(entry));
  if (flags.has("K")) host.drop((entry) => entries.some((each) => same(each, entry)));
  const state = (text: string) => (query.only ? "" : `${text.padEnd(10)} `);
  const lines = flags.has("H")
    ? []
    : [`${state("State")}Recv-Q Send-Q      Local Address:Port       Peer Address:Port`];
  for (const entry of entries) {
    const owner =
      flags.has("p") && entry.descriptor !== undefined
        ? ` users:(("packetdrill",pid=4711,fd=${entry.descriptor}))`
        : "";
    const [local, remote] = addresses(entry, host);
    const queues = `${String(entry.receiveQueue).padEnd(6)} ${String(entry.sendQueue).padEnd(6)}`;
    const line = `${state(STATES[entry.state])}${queues} ${local.padStart(23)} ${remote.padStart(23)}${owner}`;
    const details = flags.has("i") ? detailsOf(entry) : "";
    if (flags.has("O")) lines.push(details === "" ? line : `${line} ${details}`);
    else lines.push(line, ...(details === "" ? [] : [`\t ${details}`]));
  }
  return said(lines);
}

function same(a: SocketEntry, b: SocketEntry): boolean {
  return a.localPort === b.localPort && a.remotePort === b.remotePort && a.state === b.state;
}

function addresses({ state, localPort, remotePort }: SocketEntry, host: ShellHost): [string, string] {
  const shown = (address: string) => (host.family === 6 ? `[${address}]` : address);
  if (state === "LISTEN")
    return [`${shown(host.localAddress)}:${localPort}`, `${host.family === 6 ? "[::]" : "0.0.0.0"}:*`];
  return [`${shown(host.localAddress)}:${localPort}`, `${shown(host.remoteAddress)}:${remotePort}`];
}

const LONG: Readonly<Record<string, string>> = {
  "--tcp": "t",
  "--numeric": "n",
  "--all": "a",
  "--listening": "l",
  "--info": "i",
  "--no-header": "H",
  "--processes": "p",
  "--oneline": "O",
  "--kill": "K",
  "--ipv4": "4",
  "--ipv6": "6",
};

function queryOf(args: readonly string[], host: ShellHost): Query | undefined {
  const flags = new Set<string>();
  let states: StateName[] | undefined;
  const filter: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (LONG[arg]) flags.add(LONG[arg]);
    else if (/^-[a-zA-Z0-9]+$/.test(arg)) for (const flag of arg.slice(1)) flags.add(flag);
    else if (arg === "state" || arg === "exclude") {
      const named = statesOf(args[++i] ?? "");
      if (!named) return undefined;
      if (arg === "state") states = [...(states ?? []), ...named];
      else states = (states ?? ALL).filter((state) => !named.includes(state));
    } else filter.push(...arg.split(/\s+|(?<=[(=:])|(?=[)=])/).filter((word) => word !== ""));
  }
  if ([...flags].some((flag) => !"tnalHpOK46i".includes(flag)) || !flags.has("t")) return undefined;
  if (flags.has(host.family === 6 ? "4" : "6") && !flags.has(String(host.family))) states = [];
  const accepts = filterOf(filter, host);
  const usual = flags.has("a")
    ? ALL
    : flags.has("l")
      ? (["LISTEN"] as const)
      : (["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "SYN-SENT"] as const);
  return accepts && { flags, states: new Set(states ?? usual), only: states?.length === 1, accepts };
}

function statesOf(name: string): readonly StateName[] | undefined {
  if (name === "all") return ALL;
  if (name === "connected") return CONNECTED;
  if (name === "synchronized") return SYNCHRONIZED;
  if (name === "bucket") return ["SYN-RECEIVED", "TIME-WAIT"];
  if (name === "big") return ALL.filter((state) => state !== "SYN-RECEIVED" && state !== "TIME-WAIT");
  return NAMES[name.toLowerCase()];
}

/** `sport = :8080`, `dport = 80`, `dst 192.0.2.1`, `( … or … )`, `… and …`. */
function filterOf(words: readonly string[], host: ShellHost): ((entry: SocketEntry) => boolean) | undefined {
  let at = 0;
  type Test = (entry: SocketEntry) => boolean;
  const either = (): Test | undefined => {
    let left = both();
    while (left && /^(or|\|\||\|)$/.test(words[at] ?? "")) {
      at++;
      const [a, b] = [left, both()];
      left = b && ((entry) => a(entry) || b(entry));
    }
    return left;
  };
  const both = (): Test | undefined => {
    let left = one();
    while (left && at < words.length && !/^(or|\|\||\||\))$/.test(words[at]!)) {
      if (/^(and|&&|&)$/.test(words[at]!)) at++;
      const [a, b] = [left, one()];
      left = b && ((entry) => a(entry) && b(entry));
    }
    return left;
  };
  const one = (): Test | undefined => {
    const word = words[at++];
    if (word === "(") {
      const inner = either();
      return words[at++] === ")" ? inner : undefined;
    }
    if (word === "not" || word === "!") {
      const inner = one();
      return inner && ((entry) => !inner(entry));
    }
    if (word === "sport" || word === "dport") {
      const operator = /^(=|==|eq|!=|ne)$/.test(words[at] ?? "") ? words[at++]! : "=";
      if (words[at] === ":") at++;
      const port = Number((words[at++] ?? "").replace(":", ""));
      if (!Number.isInteger(port)) return undefined;
      const equal = operator !== "!=" && operator !== "ne";
      return (entry) => ((word === "sport" ? entry.localPort : entry.remotePort) === port) === equal;
    }
    if (word === "src" || word === "dst") {
      if (words[at] === "=") at++;
      const [, address = "", port] = /^(.*?)(?::(\d+))?$/.exec(words[at++] ?? "") ?? [];
      const own = word === "src" ? host.localAddress : host.remoteAddress;
      const here = address.replace(/[[\]]|\/\d+$/g, "");
      return (entry) =>
        (here === "" || here === own) &&
        (port === undefined || Number(port) === (word === "src" ? entry.localPort : entry.remotePort));
    }
    return undefined;
  };
  if (words.length === 0) return () => true;
  const test = either();
  return at === words.length ? test : undefined;
}

/** The text of ss -i for tcp_info, as far as it is known (see UNTOLD). */
function detailsOf({ information: i }: SocketEntry): string {
  if (!i) return "";
  const ms = (usecs: number) => String(Number((usecs / 1_000).toFixed(3)));
  const parts: string[] = [];
  const options = i.tcpi_options ?? 0;
  if (options & 1) parts.push("ts");
  if (options & 2) parts.push("sack");
  if (options & 8) parts.push("ecn");
  if (options & 16) parts.push("ecnseen");
  if (options & 32) parts.push("fastopen");
  if (options & 4) parts.push(`wscale:${i.tcpi_snd_wscale},${i.tcpi_rcv_wscale}`);
  const plain: readonly (readonly [string, string, boolean])[] = [
    ["backoff", "tcpi_backoff", false],
    ["mss", "tcpi_snd_mss", true],
    ["pmtu", "tcpi_pmtu", true],
    ["rcvmss", "tcpi_rcv_mss", true],
    ["advmss", "tcpi_advmss", true],
    ["cwnd", "tcpi_snd_cwnd", true],
    ["bytes_sent", "tcpi_bytes_sent", false],
    ["bytes_retrans", "tcpi_bytes_retrans", false],
    ["bytes_acked", "tcpi_bytes_acked", false],
    ["bytes_received", "tcpi_bytes_received", false],
    ["segs_out", "tcpi_segs_out", false],
    ["segs_in", "tcpi_segs_in", false],
    ["data_segs_out", "tcpi_data_segs_out", false],
    ["data_segs_in", "tcpi_data_segs_in", false],
    ["lastsnd", "tcpi_last_data_sent", false],
    ["lastrcv", "tcpi_last_data_recv", false],
    ["lastack", "tcpi_last_ack_recv", false],
    ["delivered", "tcpi_delivered", false],
    ["unacked", "tcpi_unacked", false],
    ["lost", "tcpi_lost", false],
    ["sacked", "tcpi_sacked", false],
    ["dsack_dups", "tcpi_dsack_dups", false],
    ["reord_seen", "tcpi_reord_seen", false],
    ["notsent", "tcpi_notsent_bytes", false],
    ["rcv_ooopack", "tcpi_rcv_ooopack", false],
    ["snd_wnd", "tcpi_snd_wnd", false],
    ["rcv_wnd", "tcpi_rcv_wnd", false],
  ];
  parts.push(`rto:${ms(i.tcpi_rto ?? 0)}`);
  if (i.tcpi_rtt) parts.push(`rtt:${ms(i.tcpi_rtt)}/${ms(i.tcpi_rttvar ?? 0)}`);
  for (const [name, field, always] of plain) {
    const value = i[field];
    if (value !== undefined && (always || value !== 0)) parts.push(`${name}:${value}`);
  }
  if ((i.tcpi_snd_ssthresh ?? 0) < 0xffff) parts.push(`ssthresh:${i.tcpi_snd_ssthresh}`);
  if (i.tcpi_retrans || i.tcpi_total_retrans) parts.push(`retrans:${i.tcpi_retrans}/${i.tcpi_total_retrans}`);
  if (i.tcpi_reordering !== 3) parts.push(`reordering:${i.tcpi_reordering}`);
  if (i.tcpi_min_rtt && i.tcpi_min_rtt < 0xffffffff) parts.push(`minrtt:${ms(i.tcpi_min_rtt)}`);
  return parts.join(" ");
}

const UNKNOWN =
  `send pacing_rate delivery_rate max_pacing_rate busy rwnd_limited sndbuf_limited app_limited ato qack rcv_space
  rcv_ssthresh rcv_rtt skmem cubic reno bbr timer`.split(/\s+/);

/** Words of `ss -i` whose values are not known. */
export const UNTOLD = new RegExp(`\\b(${UNKNOWN.join("|")})\\b`);

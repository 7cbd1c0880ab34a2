import {
  ACK,
  FIN,
  type IcmpPacket,
  type IpInfo,
  PSH,
  type TcpOption,
  type TcpPacket,
  type UdpPacket,
} from "../language/ast.ts";
import { decodeOptions, encodeOptions, hex, type Live, type RawOption, TCP_PROTOCOL, UDP_PROTOCOL } from "./codec.ts";
import type { Flow } from "./flow.ts";
import { icmpNumbers } from "./icmp.ts";
import { flagLetters, optionsText } from "./render.ts";

/** How strictly packets are compared. */
export interface MatchRules {
  /**
   * For scripts of other kernels, these differences are ignored: order and choice of SYN options, window and window scale, timestamps, and
   * a FIN in place of an ACK while closing or vice versa.
   */
  readonly neutral: boolean;
  /** PSH is also ignored. */
  readonly freePush: boolean;
  /** Microseconds per timestamp tick, to compare outbound TSvals (0: not compared). */
  readonly tsTickUsecs: number;
  /** Cookies with a name in the script, and the values seen. */
  readonly cookies: Map<string, string>;
}

/** One field that differs. */
export interface Difference {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

type Differences = Difference[];

function differ(list: Differences, field: string, expected: number | string, actual: number | string): void {
  if (expected !== actual) list.push({ field, expected: String(expected), actual: String(actual) });
}

/** All fields in which the packet differs from the expected one; empty if it matches. Learns ISN and timestamp origins. */
export function compareTcp(expected: TcpPacket, live: Live, flow: Flow, rules: MatchRules): Difference[] {
  const list: Differences = live.faults.map((fault) => ({ field: "packet", expected: "well formed", actual: fault }));
  if (!live.tcp) return [...list, { field: "protocol", expected: "TCP", actual: String(live.protocol) }];
  if (rules.neutral) live = withOrWithoutFin(expected, live, flow);
  const tcp = live.tcp!;
  if (expected.flags & tcp.flags & 2) flow.expectSyn(expected.sequence.start);
  compareIp(list, expected.ip, live);
  const compared = rules.freePush ? ~PSH : ~0;
  differ(list, "flags", flagLetters(expected.flags & compared), flagLetters(tcp.flags & compared));
  const start = flow.outSequence(live, expected.sequence.absolute);
  if (!expected.sequence.any) differ(list, "seq", expected.sequence.start, start);
  differ(list, "payload length", expected.sequence.length, tcp.payload.length);
  const ack = flow.outAck(live, expected.ackAbsolute);
  if (expected.ack !== undefined || (expected.flags & ACK) === 0) differ(list, "ack", expected.ack ?? 0, ack);
  else differ(list, "ack", 0, ack);
  differ(list, "urgent pointer", expected.urgent ?? 0, tcp.urgent);
  if (expected.window !== undefined && !rules.neutral) differ(list, "win", expected.window, tcp.window);
  compareOptions(list, expected, live, flow, rules);
  comparePayload(list, live, flow);
  return list;
}

/**
 * While both sides close, some stacks send an unacknowledged FIN again together with the ACK of the peer's FIN, others do not; both are
 * correct. Returns the live segment in the form that the script has.
 */
function withOrWithoutFin(expected: TcpPacket, live: Live, flow: Flow): Live {
  const tcp = live.tcp!;
  if (((expected.flags ^ tcp.flags) & ~PSH) !== FIN || tcp.payload.length > 0 || expected.sequence.length > 0)
    return live;
  const last = tcp.flags & FIN ? tcp.sequence : (tcp.sequence - 1) >>> 0;
  if (!flow.closes(last)) return live;
  const sequence = tcp.flags & FIN ? (last + 1) >>> 0 : last;
  return { ...live, tcp: { ...tcp, flags: expected.flags, sequence } };
}

const ECN_BITS: Readonly<Record<string, readonly number[]>> = {
  noecn: [0],
  ect0: [2],
  ect1: [1],
  ect01: [1, 2],
  ce: [3],
};

function compareIp(list: Differences, ip: IpInfo, live: Live): void {
  if (ip.ecn !== undefined) {
    const name = Object.entries(ECN_BITS).find(([key, bits]) => key !== "ect01" && bits[0] === (live.ip.tos & 3))![0];
    if (!ECN_BITS[ip.ecn]!.includes(live.ip.tos & 3)) differ(list, "ECN", ip.ecn, name);
  }
  if (ip.tos !== undefined) differ(list, "type of service", ip.tos, live.ip.tos);
  if (ip.ttl !== undefined) differ(list, "TTL", ip.ttl, live.ip.ttl);
  if (ip.flowLabel !== undefined) differ(list, "flow label", ip.flowLabel, live.ip.flowLabel);
}

function compareOptions(list: Differences, expected: TcpPacket, live: Live, flow: Flow, rules: MatchRules): void {
  if (expected.options === "any") {
    learnTimestamps(live, flow);
    return;
  }
  const actual = flow.outOptions(live);
  const stamp = actual.find((option) => option.kind === "timestamp");
  const wanted = expected.options.find((option) => option.kind === "timestamp");
  let shown = actual;
  if (stamp?.kind === "timestamp") {
    const value = flow.outTimestamp(stamp.value, wanted?.kind === "timestamp" ? wanted.value : undefined);
    if (wanted?.kind === "timestamp") {
      flow.recordTimestamp(wanted.value, stamp.value);
      const free = rules.tsTickUsecs === 0 || rules.neutral || closeTicks(value, wanted.value, rules.tsTickUsecs);
      shown = actual.map((option) => (option === stamp ? { ...stamp, value: free ? wanted.value : value } : option));
    }
  }
  const onSyn = (expected.flags & 2) !== 0;
  const asked = expected.options.map((option) => withCookie(option, shown, rules.cookies));
  const same = rules.neutral && onSyn ? sameSet(asked, shown) : octets(asked) === octets(shown);
  if (!same) differ(list, "options", optionsText(expected.options) || "none", optionsText(shown) || "none");
}

/** The first cookie seen under a name becomes its value. RFC 7413 §4.1.1: 4 to 16 octets, an even number. */
function withCookie(
  option: TcpOption,
  shown: readonly (TcpOption | RawOption)[],
  cookies: Map<string, string>,
): TcpOption {
  if (option.kind !== "fastopen" || option.name === undefined) return option;
  const given = shown.find((each) => each.kind === "fastopen" && each.experimental === option.experimental);
  if (!cookies.has(option.name) && given?.kind === "fastopen" && /^(....){2,8}$/.test(given.cookie))
    cookies.set(option.name, given.cookie);
  return { ...option, cookie: cookies.get(option.name) ?? "" };
}

/** With `<...>` too, record the live timestamps: a later injected packet may echo them. */
function learnTimestamps(live: Live, flow: Flow): void {
  for (const option of decodeOptions(live.tcp!.options)) {
    if (option.kind === "timestamp") flow.recordTimestamp(flow.outTimestamp(option.value, undefined), option.value);
  }
}

/** A timestamp clock that ticks between two packets may be read one tick early or late. */
function closeTicks(actual: number, expected: number, tickUsecs: number): boolean {
  const distance = Math.abs((actual - expected) | 0);
  return distance <= Math.max(1, Math.ceil(4_000 / tickUsecs));
}

function octets(options: readonly (TcpOption | RawOption)[]): string {
  return options.map((option) => (option.kind === "raw" ? hex(option.bytes) : hex(encodeOptions([option])))).join("");
}

/** FreeBSD's dialect: the order and padding of SYN options and the value of the window scale are not compared. */
function sameSet(expected: readonly TcpOption[], actual: readonly (TcpOption | RawOption)[]): boolean {
  const normal = (options: readonly (TcpOption | RawOption)[]) =>
    options
      .filter((option) => option.kind !== "nop" && option.kind !== "eol")
      .map((option) =>
        option.kind === "wscale" ? "wscale" : option.kind === "timestamp" ? `TS ${option.echo}` : octets([option]),
      )
      .sort()
      .join();
  return normal(expected) === normal(actual);
}

/** The payload must be the octets of the stream at these sequence numbers. */
function comparePayload(list: Differences, live: Live, flow: Flow): void {
  const { payload, flags } = live.tcp!;
  const first = flow.outSequence(live, false) - (flags & 2 ? flow.scriptLocalIsn : 1);
  if (first < 0 || first > 2 ** 31) return;
  for (let i = 0; i < payload.length; i++) {
    const right = flow.sentByte(first + i);
    if (payload[i] === right) continue;
    list.push({
      field: `payload octet ${i} (stream offset ${first + i})`,
      expected: `0x${right.toString(16).padStart(2, "0")}`,
      actual: `0x${payload[i]!.toString(16).padStart(2, "0")}`,
    });
    return;
  }
}

/** @param payload the octets that a call sent */
export function compareUdp(expected: UdpPacket, live: Live, payload: Uint8Array | undefined): Difference[] {
  const list: Differences = live.faults.map((fault) => ({ field: "packet", expected: "well formed", actual: fault }));
  if (!live.udp) return [...list, { field: "protocol", expected: "UDP", actual: String(live.protocol) }];
  compareIp(list, expected.ip, live);
  if (expected.ports) {
    differ(list, "source port", expected.ports.source, live.ends.sourcePort);
    differ(list, "destination port", expected.ports.destination, live.ends.destinationPort);
  }
  differ(list, "payload length", expected.length, live.udp.length);
  if (payload && list.length === 0) differ(list, "payload", hex(payload), hex(live.udp.payload));
  return list;
}

export function compareIcmp(expected: IcmpPacket, live: Live, flow: Flow | undefined): Difference[] {
  const list: Differences = live.faults.map((fault) => ({ field: "packet", expected: "well formed", actual: fault }));
  if (!live.icmp) return [...list, { field: "protocol", expected: "ICMP", actual: String(live.protocol) }];
  const { type, code } = icmpNumbers(expected, live.family);
  compareIp(list, expected.ip, live);
  differ(list, "type", type, live.icmp.type);
  differ(list, "code", code, live.icmp.code);
  if (expected.mtu !== undefined)
    differ(list, "mtu", expected.mtu, live.family === 6 ? live.icmp.rest : live.icmp.rest & 0xffff);
  if (expected.id !== undefined) differ(list, "id", expected.id, live.icmp.rest >>> 16);
  if (expected.quoted !== undefined) compareQuoted(list, expected.quoted, live, flow);
  return list;
}

/** The packet of the peer that an ICMP error of the stack quotes: its protocol and ports, and its place in the stream. */
function compareQuoted(
  list: Differences,
  expected: NonNullable<IcmpPacket["quoted"]>,
  live: Live,
  flow: Flow | undefined,
): void {
  const quoted = live.icmp!.quoted;
  const header = live.family === 6 ? 40 : ((quoted[0] ?? 0) & 15) * 4;
  const view = new DataView(quoted.buffer, quoted.byteOffset, quoted.byteLength);
  if (quoted.length < header + 8) {
    differ(list, "quoted packet", "a header and 8 octets", `${quoted.length} octets`);
    return;
  }
  const protocol = quoted[live.family === 6 ? 6 : 9]!;
  if ("udp" in expected) {
    differ(list, "quoted protocol", "UDP", protocol === UDP_PROTOCOL ? "UDP" : String(protocol));
    differ(list, "quoted length", expected.udp, view.getUint16(header + 4) - 8);
    return;
  }
  differ(list, "quoted protocol", "TCP", protocol === TCP_PROTOCOL ? "TCP" : String(protocol));
  const sequence = view.getUint32(header + 4);
  differ(list, "quoted seq", expected.start, (sequence - (flow?.remoteIsn ?? 0)) >>> 0);
}

/**
 * Whether `next` may be merged with `last`, because the script's packet has more payload than the stack puts into one segment: same
 * acknowledgment number, window, option size and flags (FIN, PSH and CWR are not compared), and the next sequence number.
 */
export function mayAggregate(last: Live, next: Live): boolean {
  const a = last.tcp;
  const b = next.tcp;
  if (!a || !b) return false;
  const fixed = ~(1 | 8 | 128);
  return (
    ((a.sequence + a.payload.length) | 0) === (b.sequence | 0) &&
    a.ack === b.ack &&
    a.window === b.window &&
    a.headerLength === b.headerLength &&
    (a.flags & fixed) === (b.flags & fixed) &&
    (a.flags & 1) === 0
  );
}

/** Merges several live segments into one: sequence number and CWR of the first, everything else of the last. */
export function aggregate(first: Live, rest: readonly Live[]): Live {
  const last = rest.at(-1);
  if (!last) return first;
  const all = [first, ...rest];
  const payload = new Uint8Array(all.reduce((n, live) => n + live.tcp!.payload.length, 0));
  let o = 0;
  for (const live of all) {
    payload.set(live.tcp!.payload, o);
    o += live.tcp!.payload.length;
  }
  const flags = (last.tcp!.flags & ~128) | (first.tcp!.flags & 128);
  return {
    ...last,
    faults: all.flatMap((live) => live.faults),
    tcp: { ...last.tcp!, sequence: first.tcp!.sequence, flags, payload },
  };
}

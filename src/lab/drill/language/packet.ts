import {
  type Direction,
  type IcmpPacket,
  type IpInfo,
  type Packet,
  type Ports,
  ScriptError,
  type SequenceRange,
  type TcpOption,
  type TcpPacket,
  type UdpPacket,
} from "./ast.ts";
import type { Parser } from "./parser.ts";

const ECN = ["noecn", "ect0", "ect1", "ect01", "ce"] as const;
const NO_IP_INFO: IpInfo = { ecn: undefined, tos: undefined, ttl: undefined, flowLabel: undefined };
/** Encapsulations and transports of the language that are not supported. */
const FOREIGN = new Set(["gre", "mpls", "ipv4", "ipv6", "sctp", "udplite", "psp"]);
/** Matches the longest sequence of flags. A digit is the three AccECN bits (AE CWR ECE). */
const FLAGS = /-|[FSRPEWAU.0-7]+(?![A-Za-z0-9])/y;
const FLAG_BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, ".": 16, U: 32, E: 64, W: 128, A: 256 };

/** Parses `< packet` or `> packet`; the direction has not been read yet. */
export function parsePacket(p: Parser): Packet {
  const position = p.lexer.peek().position;
  const direction: Direction = p.lexer.next().text === "<" ? "<" : ">";
  const quotedFirst = quoteBefore(p);
  const ip = quotedFirst ? NO_IP_INFO : ipInfo(p);
  const token = p.lexer.peek();
  if (quotedFirst && !ICMP.some((word) => p.is(word))) p.fail('"icmp" after the quoted segment');
  if (token.kind === "word" && FOREIGN.has(token.text)) p.unsupported(`${token.text} packets`);
  if (acceptOneOf(p, ICMP)) return icmp(p, direction, ip, quotedFirst, position);
  const ports = portPair(p);
  if (p.accept("udp")) return udp(p, direction, ip, ports, position);
  return tcp(p, direction, ip, ports, position);
}

function ipInfo(p: Parser): IpInfo {
  const close = p.accept("(") ? ")" : p.accept("[") ? "]" : undefined;
  if (close === undefined) return NO_IP_INFO;
  let { ecn, tos, ttl, flowLabel }: { -readonly [K in keyof IpInfo]: IpInfo[K] } = NO_IP_INFO;
  while (!p.accept(close)) {
    const token = p.lexer.peek();
    const known = ECN.find((name) => p.is(name));
    if (known) {
      p.lexer.next();
      ecn = known;
    } else if (acceptOneOf(p, TRAFFIC_CLASS)) tos = p.bounded("a type of service or traffic class", 0, 255);
    else if (acceptOneOf(p, HOPS)) ttl = p.bounded("a time to live or hop limit", 0, 255);
    else if (acceptOneOf(p, FLOW)) flowLabel = p.bounded("a flow label", 0, 0xfffff);
    else p.fail(`noecn, ect0, ect1, ect01, ce, tos, class, ttl, hlim, flowlabel or "${close}"`, token);
    p.accept(",");
  }
  return { ecn, tos, ttl, flowLabel };
}

/** The same fields of IPv4 and IPv6, in the words of both dialects. */
const TRAFFIC_CLASS = ["tos", "class", "tclass"];
const HOPS = ["ttl", "hlim", "hoplimit"];
const FLOW = ["flowlabel", "flow"];
const ICMP = ["icmp", "icmpv4", "icmpv6"];

function acceptOneOf(p: Parser, words: readonly string[]): boolean {
  return words.some((word) => p.accept(word));
}

function portPair(p: Parser): Ports | undefined {
  const raw = p.lexer.raw(/\d+\s*>\s*\d+(?=\s)/y);
  if (raw === undefined) return undefined;
  const [source, destination] = raw.split(">").map(Number);
  return { source: source!, destination: destination! };
}

function tcp(
  p: Parser,
  direction: Direction,
  ip: IpInfo,
  ports: Ports | undefined,
  position: TcpPacket["position"],
): TcpPacket {
  const raw = p.lexer.raw(FLAGS);
  if (raw === undefined) p.fail("TCP flags (letters of F S R P E W A U and ., or -), udp or icmp");
  const sequence = sequenceRange(p);
  let ack: number | undefined;
  let ackAbsolute = false;
  if (p.accept("ack")) {
    ack = p.bounded("an acknowledgement number", 0, 0xffffffff);
    ackAbsolute = p.accept("!");
  }
  const window = p.accept("win") ? p.bounded("a window", 0, 65535) : undefined;
  const urgent = p.accept("urg") ? p.bounded("an urgent pointer", 0, 65535) : undefined;
  const options = tcpOptions(p);
  if (p.is("/")) p.unsupported("TCP encapsulated in UDP");
  return {
    kind: "tcp",
    direction,
    ip,
    ports,
    flags: flagBits(raw),
    sequence,
    ack,
    ackAbsolute,
    window,
    urgent,
    options,
    position,
  };
}

function flagBits(text: string): number {
  let bits = 0;
  for (const c of text) {
    if (c >= "0" && c <= "7") bits |= Number(c) << 6;
    else bits |= FLAG_BITS[c] ?? 0;
  }
  return bits;
}

/** `start:end(length)`, each number optionally followed by `!`, or `...(length)`. */
export function sequenceRange(p: Parser): SequenceRange {
  if (p.accept("...")) return { start: 0, length: parenthesized(p), absolute: false, any: true };
  const token = p.lexer.peek();
  const start = p.bounded("a sequence number", 0, 0xffffffff);
  let absolute = p.accept("!");
  p.expect(":");
  const end = p.bounded("a sequence number", 0, 0xffffffff);
  absolute = p.accept("!") || absolute;
  const length = parenthesized(p);
  absolute = p.accept("!") || absolute;
  if ((start + length) % 2 ** 32 !== end) {
    throw new ScriptError(token.position, `${start}:${end} are ${end - start} bytes, not the ${length} in parentheses`);
  }
  return { start, length, absolute, any: false };
}

function parenthesized(p: Parser): number {
  p.expect("(");
  const length = p.bounded("a payload length", 0, 65535);
  p.expect(")");
  return length;
}

function tcpOptions(p: Parser): TcpPacket["options"] {
  if (!p.accept("<")) return [];
  if (p.accept("...")) {
    p.expect(">");
    return "any";
  }
  const options: TcpOption[] = [];
  while (!p.accept(">")) {
    options.push(tcpOption(p));
    if (!p.is(">") && !p.accept(",")) p.fail('"," or ">" after a TCP option');
  }
  return options;
}

function tcpOption(p: Parser): TcpOption {
  const token = p.lexer.peek();
  const name = p.word("a TCP option");
  switch (name) {
    case "mss":
      return { kind: "mss", value: p.bounded("a segment size", 0, 65535) };
    case "wscale":
      return { kind: "wscale", value: p.bounded("a window scale", 0, 255) };
    case "sackOK":
      return { kind: "sackOK" };
    case "sack":
      return { kind: "sack", blocks: sackBlocks(p) };
    case "TS":
      return timestamp(p);
    case "nop":
    case "eol":
      return { kind: name };
    case "FO":
    case "FOEXP":
      return { kind: "fastopen", experimental: name === "FOEXP", ...fastOpenCookie(p) };
    case "md5":
      return { kind: "md5", digest: hex(p) };
    case "ECN":
    case "AccECN":
      return accurateEcn(p);
    default:
      if (/^(mp|add_|remove_|dss|ao|AO|tarr|TARR|exp)/.test(name)) p.unsupported(`TCP option ${name}`, token);
      return p.fail("a TCP option (mss wscale sackOK sack TS nop eol FO FOEXP md5 ECN)", token);
  }
}

/**
 * A cookie in hex, or none, as in a cookie request. An undefined name means the cookie that the stack is first seen to send in its place.
 */
function fastOpenCookie(p: Parser): { readonly cookie: string; readonly name?: string } {
  const from = p.lexer.peek();
  const written = p.lexer.raw(/[0-9A-Za-z_]+/y) ?? "";
  const digits = p.lexer.defined(written) ?? written;
  if (/^([0-9a-fA-F]{2})*$/.test(digits)) return { cookie: digits.toLowerCase() };
  if (/^[0-9a-fA-F]+$/.test(digits)) p.fail("an even number of hex digits", from);
  return { cookie: "", name: written };
}

const COUNTERS = ["e0b", "ceb", "e1b"] as const;

/** `ECN e1b 1 ceb 0 e0b 1` (RFC 9768): up to three counters, in either order. */
function accurateEcn(p: Parser): TcpOption {
  const found: { name: string; value: number }[] = [];
  for (let name = COUNTERS.find((each) => p.is(each)); name; name = COUNTERS.find((each) => p.is(each))) {
    p.lexer.next();
    found.push({ name, value: p.bounded("a counter of octets", 0, 0xffffff) });
  }
  const order = found[0]?.name === "e0b" ? 0 : 1;
  const names = order === 0 ? COUNTERS : COUNTERS.toReversed();
  if (found.length === 0 || found.some(({ name }, i) => name !== names[i]))
    p.fail("e0b, ceb and e1b, or e1b, ceb and e0b");
  return { kind: "accecn", order, counters: found.map(({ value }) => value) };
}

function hex(p: Parser): string {
  const raw = p.lexer.raw(/[0-9a-fA-F]+/y) ?? "";
  if (raw.length % 2 !== 0) p.fail("an even number of hex digits");
  return raw.toLowerCase();
}

function sackBlocks(p: Parser): [number, number][] {
  const blocks: [number, number][] = [];
  do {
    const left = p.bounded("the left edge of a SACK block", 0, 0xffffffff);
    p.expect(":");
    blocks.push([left, p.bounded("the right edge of a SACK block", 0, 0xffffffff)]);
  } while (p.lexer.peek().kind === "number");
  return blocks;
}

function timestamp(p: Parser): TcpOption {
  p.expect("val");
  const value = p.bounded("a timestamp", 0, 0xffffffff);
  p.expect("ecr");
  return { kind: "timestamp", value, echo: p.bounded("an echoed timestamp", 0, 0xffffffff) };
}

function udp(
  p: Parser,
  direction: Direction,
  ip: IpInfo,
  ports: Ports | undefined,
  position: UdpPacket["position"],
): UdpPacket {
  return { kind: "udp", direction, ip, ports, length: parenthesized(p), position };
}

/** The quoted packet may be written first: `< [1:1001(1000)] icmp unreachable frag_needed mtu 1200`, `< [udp (100)] icmp …`. */
function quoteBefore(p: Parser): IcmpPacket["quoted"] {
  const from = p.lexer.offset;
  if (!p.accept("[")) return undefined;
  if (p.accept("udp")) {
    const udp = parenthesized(p);
    p.expect("]");
    return { udp };
  }
  if (p.lexer.peek().kind === "number") {
    const range = sequenceRange(p);
    p.expect("]");
    return range;
  }
  p.lexer.seek(from);
  return undefined;
}

function icmp(
  p: Parser,
  direction: Direction,
  ip: IpInfo,
  quotedFirst: IcmpPacket["quoted"],
  position: IcmpPacket["position"],
): IcmpPacket {
  const type = wordOrNumber(p);
  if (type === undefined) p.fail("an ICMP type");
  let code: string | number | undefined;
  if (!p.is("mtu") && !p.is("id") && !onNextEvent(p)) code = wordOrNumber(p);
  const mtu = p.accept("mtu") ? p.bounded("an MTU", 0, 0xffffffff) : undefined;
  const id = p.accept("id") ? p.bounded("an identifier", 0, 65535) : undefined;
  let quoted: IcmpPacket["quoted"] = quotedFirst;
  if (p.accept("[")) {
    quoted = p.accept("udp") ? { udp: parenthesized(p) } : sequenceRange(p);
    p.expect("]");
  }
  return { kind: "icmp", direction, ip, type, code, mtu, id, quoted, position };
}

function wordOrNumber(p: Parser): string | number | undefined {
  const token = p.lexer.peek();
  if (token.kind !== "word" && (token.kind !== "number" || token.text.includes("."))) return undefined;
  p.lexer.next();
  return token.kind === "word" ? token.text : Number(token.text);
}

/** A number at the beginning of a line is the time of the next event, not an ICMP code. */
function onNextEvent(p: Parser): boolean {
  const token = p.lexer.peek();
  const lineStart = p.lexer.source.lastIndexOf("\n", token.from) + 1;
  return token.kind === "number" && p.lexer.source.slice(lineStart, token.from).trim() === "";
}

/**
 * One line of text for any packet, similar to tcpdump's. It allocates, so it is not for the packet path. Of a truncated or
 * invalid packet it prints what can be read.
 */
import { markMeaning } from "#base/mark";
import { formatIPv4, formatIPv6 } from "./address-text.ts";
import * as icmpv4 from "./icmpv4.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import * as extension from "./ipv6-extensions.ts";
import * as protocol from "./protocol.ts";
import * as tcp from "./tcp.ts";
import * as option from "./tcp-options.ts";
import * as udp from "./udp.ts";

/** The IP packet of `n` bytes at `o`. */
export function print(v: DataView, o: number, n: number): string {
  const version = n > 0 ? v.getUint8(o) >> 4 : 0;
  if (version === 4) return print4(v, o, n, false);
  if (version === 6) return print6(v, o, n, false);
  return `not an IP packet, length ${n}`;
}

/** `quoted`: the packet is within an ICMP error and may be truncated. */
function print4(v: DataView, o: number, n: number, quoted: boolean): string {
  const wrong = ipv4.valid(v, o, n);
  if (wrong !== 0 && !(quoted && wrong === ipv4.BAD_TOTAL_LENGTH)) return `IP ${bad(wrong)}, length ${n}`;
  const header = ipv4.headerLength(v, o);
  const payload = Math.max(0, ipv4.totalLength(v, o) - header);
  const source = formatIPv4(ipv4.source(v, o));
  const destination = formatIPv4(ipv4.destination(v, o));
  const offset = ipv4.fragmentOffset(v, o);
  const more = ipv4.moreFragments(v, o);
  const cut = offset > 0 || more ? fragment(ipv4.identification(v, o), offset, payload, more) : "";
  if (offset > 0) return `IP ${source} > ${destination}:${cut}`;
  const end = Math.min(o + n, o + header + payload);
  return `IP ${transport(v, o + header, end, payload, ipv4.protocol(v, o), source, destination)}${cut}`;
}

function print6(v: DataView, o: number, n: number, quoted: boolean): string {
  const wrong = ipv6.valid(v, o, n);
  if (wrong !== 0 && !(quoted && wrong === ipv6.BAD_PAYLOAD_LENGTH)) return `IP6 ${bad(wrong)}, length ${n}`;
  const at = (o: number) => formatIPv6(v.getInt32(o), v.getInt32(o + 4), v.getInt32(o + 8), v.getInt32(o + 12));
  const source = at(o + ipv6.SOURCE);
  const destination = at(o + ipv6.DESTINATION);
  const whole = ipv6.HEADER + ipv6.payloadLength(v, o);
  const end = o + Math.min(n, whole);
  const walk = new extension.ExtensionWalk();
  const broken = extension.walkExtensions(v, o, end - o, walk);
  if (broken !== 0) return `IP6 ${source} > ${destination}: ${bad(broken)}`;
  const payload = o + whole - walk.upperO;
  let cut = "";
  if (walk.fragmentO >= 0) {
    const offset = extension.fragmentOffset(v, walk.fragmentO);
    const more = extension.moreFragments(v, walk.fragmentO);
    cut = fragment(extension.identification(v, walk.fragmentO) >>> 0, offset, payload, more);
    if (offset > 0) return `IP6 ${source} > ${destination}:${cut}`;
  }
  return `IP6 ${transport(v, walk.upperO, end, payload, walk.upper, source, destination)}${cut}`;
}

function bad(wrong: number): string {
  return `bad packet: ${markMeaning(wrong)}`;
}

function fragment(id: number, offset: number, length: number, more: boolean): string {
  return ` frag (id ${id}, offset ${offset}, length ${length}${more ? ", more" : ""})`;
}

/** The transport header at `o`. Bytes up to `end` are present; `length` were sent. */
function transport(
  v: DataView,
  o: number,
  end: number,
  length: number,
  kind: number,
  source: string,
  destination: string,
): string {
  const n = end - o;
  if (kind === protocol.TCP && n >= 8) {
    const ends = `${source}.${tcp.sourcePort(v, o)} > ${destination}.${tcp.destinationPort(v, o)}`;
    return `${ends}: ${printTcp(v, o, n, length)}`;
  }
  if (kind === protocol.UDP && n >= udp.HEADER) {
    const ends = `${source}.${udp.sourcePort(v, o)} > ${destination}.${udp.destinationPort(v, o)}`;
    return `${ends}: UDP, length ${udp.length(v, o) - udp.HEADER}`;
  }
  const ends = `${source} > ${destination}`;
  if (kind === protocol.ICMP && n >= icmpv4.HEADER) return `${ends}: ICMP ${printIcmp4(v, o, end)}, length ${length}`;
  if (kind === protocol.ICMPV6 && n >= icmpv6.HEADER)
    return `${ends}: ICMP6 ${printIcmp6(v, o, end)}, length ${length}`;
  return `${ends}: ${PROTOCOL_NAMES[kind] ?? `protocol ${kind}`}, length ${length}`;
}

const PROTOCOL_NAMES: Record<number, string> = {
  [protocol.ICMP]: "ICMP",
  [protocol.TCP]: "TCP",
  [protocol.UDP]: "UDP",
  [protocol.ICMPV6]: "ICMP6",
  [protocol.NO_NEXT_HEADER]: "no next header",
};

/** tcpdump's letters, in its order. */
const FLAGS: readonly (readonly [number, string])[] = [
  [tcp.FIN, "F"],
  [tcp.SYN, "S"],
  [tcp.RST, "R"],
  [tcp.PSH, "P"],
  [tcp.ACK, "."],
  [tcp.URG, "U"],
  [tcp.ECE, "E"],
  [tcp.CWR, "W"],
  [tcp.AE, "e"],
];

function printTcp(v: DataView, o: number, n: number, length: number): string {
  const seq = tcp.seq(v, o) >>> 0;
  if (n < tcp.HEADER_MIN) return `seq ${seq}`;
  const header = tcp.headerLength(v, o);
  const flags = tcp.flags(v, o);
  const letters = FLAGS.map(([bit, letter]) => ((flags & bit) !== 0 ? letter : "")).join("");
  const data = length - header;
  if (header < tcp.HEADER_MIN || data < 0) return `Flags [${letters || "none"}], bad data offset ${header}`;
  const spans = data > 0 || (flags & (tcp.SYN | tcp.FIN | tcp.RST)) !== 0;
  const parts = [`Flags [${letters || "none"}]`];
  if (spans) parts.push(data > 0 ? `seq ${seq}:${(seq + data) >>> 0}` : `seq ${seq}`);
  if ((flags & tcp.ACK) !== 0) parts.push(`ack ${tcp.ack(v, o) >>> 0}`);
  parts.push(`win ${tcp.window(v, o)}`);
  if ((flags & tcp.URG) !== 0) parts.push(`urg ${tcp.urgent(v, o)}`);
  const options = printTcpOptions(v, o + tcp.HEADER_MIN, o + Math.min(header, n));
  if (options !== "") parts.push(`options [${options}]`);
  parts.push(`length ${data}`);
  return parts.join(", ");
}

function printTcpOptions(v: DataView, o: number, end: number): string {
  const parts: string[] = [];
  while (o < end) {
    const kind = v.getUint8(o);
    if (kind === option.END) {
      parts.push("eol");
      break;
    }
    if (kind === option.NOP) {
      parts.push("nop");
      o++;
      continue;
    }
    const length = o + 1 < end ? v.getUint8(o + 1) : 0;
    if (length < 2 || o + length > end) {
      parts.push("bad length");
      break;
    }
    parts.push(printTcpOption(v, o, kind, length));
    o += length;
  }
  return parts.join(",");
}

function printTcpOption(v: DataView, o: number, kind: number, length: number): string {
  if (kind === option.MSS && length === 4) return `mss ${v.getUint16(o + 2)}`;
  if (kind === option.WINDOW_SCALE && length === 3) return `wscale ${v.getUint8(o + 2)}`;
  if (kind === option.SACK_PERMITTED && length === 2) return "sackOK";
  if (kind === option.TIMESTAMPS && length === 10) return `TS val ${v.getUint32(o + 2)} ecr ${v.getUint32(o + 6)}`;
  if (kind === option.SACK && length % 8 === 2) {
    let blocks = "";
    for (let p = o + 2; p < o + length; p += 8) blocks += `{${v.getUint32(p)}:${v.getUint32(p + 4)}}`;
    return `sack ${(length - 2) / 8} ${blocks}`;
  }
  if (kind === option.FAST_OPEN) return `tfo ${printCookie(v, o + 2, o + length)}`;
  if (kind === option.EXPERIMENT && length >= 4 && v.getUint16(o + 2) === option.FAST_OPEN_MAGIC) {
    return `exp-tfo ${printCookie(v, o + 4, o + length)}`;
  }
  return `unknown-${kind}`;
}

function printCookie(v: DataView, o: number, end: number): string {
  if (o === end) return "cookiereq";
  let digits = "";
  for (; o < end; o++) digits += v.getUint8(o).toString(16).padStart(2, "0");
  return `cookie ${digits}`;
}

const UNREACHABLE4 = ["net", "host", "protocol", "port"];

function printIcmp4(v: DataView, o: number, end: number): string {
  const type = icmpv4.type(v, o);
  const code = icmpv4.code(v, o);
  if (type === icmpv4.ECHO_REQUEST || type === icmpv4.ECHO_REPLY) {
    return `echo ${type === icmpv4.ECHO_REQUEST ? "request" : "reply"}, id ${icmpv4.identifier(v, o)}, seq ${icmpv4.sequence(v, o)}`;
  }
  const quote = ` [${print4(v, o + icmpv4.HEADER, end - o - icmpv4.HEADER, true)}]`;
  if (type === icmpv4.DESTINATION_UNREACHABLE) {
    if (code === icmpv4.FRAGMENTATION_NEEDED) return `fragmentation needed, mtu ${icmpv4.nextHopMtu(v, o)}${quote}`;
    const prohibited = code === 9 || code === 10 || code === 13;
    return `${UNREACHABLE4[code] ?? (prohibited ? "prohibited," : `code ${code}`)} unreachable${quote}`;
  }
  if (type === icmpv4.TIME_EXCEEDED) return `${timeExceeded(code)}${quote}`;
  if (type === icmpv4.PARAMETER_PROBLEM) return `parameter problem at octet ${icmpv4.pointer(v, o)}${quote}`;
  if (type === icmpv4.SOURCE_QUENCH) return `source quench${quote}`;
  return `type ${type} code ${code}`;
}

const UNREACHABLE6 = ["no route,", "prohibited,", "beyond scope,", "address", "port", "policy,", "reject route,"];
const PROBLEM6 = ["erroneous header", "unrecognized next header", "unrecognized option", "incomplete first fragment"];

function printIcmp6(v: DataView, o: number, end: number): string {
  const type = icmpv6.type(v, o);
  const code = icmpv6.code(v, o);
  if (type === icmpv6.ECHO_REQUEST || type === icmpv6.ECHO_REPLY) {
    return `echo ${type === icmpv6.ECHO_REQUEST ? "request" : "reply"}, id ${icmpv6.identifier(v, o)}, seq ${icmpv6.sequence(v, o)}`;
  }
  if (!icmpv6.isError(type)) return `type ${type} code ${code}`;
  const quote = ` [${print6(v, o + icmpv6.HEADER, end - o - icmpv6.HEADER, true)}]`;
  if (type === icmpv6.DESTINATION_UNREACHABLE) return `${UNREACHABLE6[code] ?? `code ${code}`} unreachable${quote}`;
  if (type === icmpv6.PACKET_TOO_BIG) return `packet too big, mtu ${icmpv6.mtu(v, o)}${quote}`;
  if (type === icmpv6.TIME_EXCEEDED) return `${timeExceeded(code)}${quote}`;
  if (type === icmpv6.PARAMETER_PROBLEM) {
    return `${PROBLEM6[code] ?? `problem ${code}`} at octet ${icmpv6.pointer(v, o)}${quote}`;
  }
  return `type ${type} code ${code}`;
}

function timeExceeded(code: number): string {
  if (code === icmpv4.TTL_EXCEEDED) return "time exceeded in transit";
  return code === icmpv4.REASSEMBLY_TIME_EXCEEDED ? "reassembly time exceeded" : `time exceeded, code ${code}`;
}

import {
  ACK,
  type Event,
  FIN,
  type IcmpPacket,
  type IpInfo,
  type Packet,
  ScriptError,
  SYN,
  type TcpOption,
  type TcpPacket,
  type UdpPacket,
  Unsupported,
} from "../language/ast.ts";
import {
  type Ends,
  encodeIcmp,
  encodeOptions,
  encodeTcp,
  encodeUdp,
  type IpFields,
  pattern,
  quote,
} from "../packets/codec.ts";
import type { Flow } from "../packets/flow.ts";
import { icmpNumbers, isIcmpError } from "../packets/icmp.ts";
import type { Bench } from "./bench.ts";

/** Injects packets: encodes them with live numbers. */

const ECN_BITS = { noecn: 0, ect0: 2, ect1: 1, ect01: 2, ce: 3 } as const;
/** RFC 792 requires 8 octets of the packet, enough of a TCP header for the sequence number. More is also allowed. */
const QUOTED = 8;

export function inject(bench: Bench, packet: Packet, event: Event): void {
  const bytes =
    packet.kind === "tcp" ? tcp(bench, packet) : packet.kind === "udp" ? udp(bench, packet) : icmp(bench, packet);
  bench.arrive(bytes, event.text.replace(/^.*?<\s*/s, ""), event.position);
}

function ipFields(ip: IpInfo): IpFields {
  const tos = (ip.tos ?? 0) & (ip.ecn === undefined ? 255 : 252);
  return { tos: tos | (ip.ecn === undefined ? 0 : ECN_BITS[ip.ecn]), ttl: ip.ttl ?? 255, flowLabel: ip.flowLabel ?? 0 };
}

function inwards(bench: Bench, localPort: number, remotePort: number): Ends {
  const { local, remote } = bench.config;
  return { source: remote, destination: local, sourcePort: remotePort, destinationPort: localPort };
}

function tcp(bench: Bench, packet: TcpPacket): Uint8Array {
  if (packet.options === "any" || packet.sequence.any) {
    throw new ScriptError(packet.position, "an injected packet needs its numbers and options written out");
  }
  const flow = bench.flowIn(packet);
  const sequence = flow.inSequence(packet);
  const options = flow.inOptions(namedCookies(bench, packet), packet, bench.config.tsEchoScaled);
  if (!options)
    throw new ScriptError(
      packet.position,
      "unable to infer the live timestamp: the stack sent no timestamp equal to ecr",
    );
  const octets = encodeOptions(options);
  if (octets.length % 4 !== 0 || octets.length > 40) {
    throw new ScriptError(
      packet.position,
      `expected options of a multiple of 4 octets up to 40 (add nop), and found ${octets.length}`,
    );
  }
  const offset = (sequence - flow.remoteIsn - (packet.flags & SYN ? 0 : 1)) | 0;
  if ((packet.flags & (SYN | ACK)) === SYN)
    flow.synHeaders = (bench.config.family === 6 ? 40 : 20) + 20 + octets.length;
  if (packet.flags & FIN) flow.peerFinished = true;
  flow.arrived(offset, offset + packet.sequence.length, bench.now);
  return encodeTcp(inwards(bench, flow.localPort, flow.remotePort), ipFields(packet.ip), {
    sequence,
    ack: flow.inAck(packet),
    flags: packet.flags,
    window: packet.window ?? 0,
    urgent: packet.urgent ?? 0,
    options: octets,
    payload: pattern(offset, packet.sequence.length),
  });
}

/** A cookie given by name is the one that the stack sent in place of that name. */
function namedCookies(bench: Bench, packet: TcpPacket): TcpOption[] {
  const options = packet.options === "any" ? [] : packet.options;
  return options.map((option) => {
    if (option.kind !== "fastopen" || option.name === undefined) return option;
    const cookie = bench.cookies.get(option.name);
    if (cookie === undefined)
      throw new Unsupported(`the Fast Open cookie ${option.name}, before the stack has sent it`, packet.position);
    return { ...option, cookie };
  });
}

function udp(bench: Bench, packet: UdpPacket): Uint8Array {
  const { local, remote } = datagramPorts(bench);
  const localPort = packet.ports?.destination ?? (local || bench.config.bindPort);
  const remotePort = packet.ports?.source ?? (remote || bench.config.connectPort);
  return encodeUdp(inwards(bench, localPort, remotePort), ipFields(packet.ip), pattern(0, packet.length));
}

/** The ports of the script's UDP socket, 0 if it has none. */
function datagramPorts(bench: Bench): { readonly local: number; readonly remote: number } {
  for (const s of bench.table.values()) {
    if (s.kind === "udp") return { local: s.endpoint?.localPort ?? 0, remote: s.remotePort };
    if (s.kind === "system" && s.datagramPorts) return s.datagramPorts;
  }
  return { local: 0, remote: 0 };
}

function icmp(bench: Bench, packet: IcmpPacket): Uint8Array {
  const { type, code } = icmpNumbers(packet, bench.config.family);
  const rest = packet.id !== undefined ? packet.id * 65536 : (packet.mtu ?? 0);
  const ends = inwards(bench, 0, 0);
  if (packet.quoted === undefined) {
    const about = isIcmpError(type, bench.config.family) ? bench.lastSent : undefined;
    return encodeIcmp(ends, ipFields(packet.ip), type, code, rest, about ? quote(about, QUOTED) : new Uint8Array(0));
  }
  const quoted =
    "udp" in packet.quoted ? quotedUdp(bench, packet.quoted.udp) : quotedTcp(bench, packet, bench.flowIn(packet));
  return encodeIcmp(ends, ipFields(packet.ip), type, code, rest, quoted);
}

/** The start of a segment that the stack has supposedly sent. */
function quotedTcp(bench: Bench, packet: IcmpPacket, flow: Flow): Uint8Array {
  if (!packet.quoted || "udp" in packet.quoted) throw new ScriptError(packet.position, "expected a quoted TCP segment");
  const { local, remote } = bench.config;
  const ends: Ends = {
    source: local,
    destination: remote,
    sourcePort: flow.localPort,
    destinationPort: flow.remotePort,
  };
  const sequence = packet.quoted.absolute ? packet.quoted.start : flow.quotedSequence(packet.quoted.start);
  const payload = new Uint8Array(packet.quoted.length);
  const fields = { sequence, ack: 0, flags: 16, window: 0, urgent: 0, options: new Uint8Array(0), payload };
  return quote(encodeTcp(ends, { tos: 0, ttl: 64, flowLabel: 0 }, fields), QUOTED);
}

function quotedUdp(bench: Bench, length: number): Uint8Array {
  const { local, remote, connectPort } = bench.config;
  const ports = datagramPorts(bench);
  const ends: Ends = {
    source: local,
    destination: remote,
    sourcePort: ports.local,
    destinationPort: ports.remote || connectPort,
  };
  return quote(encodeUdp(ends, { tos: 0, ttl: 64, flowLabel: 0 }, new Uint8Array(length)), QUOTED);
}

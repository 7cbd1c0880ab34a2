import type { IcmpPacket, IpInfo, TcpOption, TcpPacket, UdpPacket } from "../language/ast.ts";
import { hex, type Live, type RawOption } from "./codec.ts";
import type { Flow } from "./flow.ts";
import { icmpText } from "./icmp.ts";

/** Packets in the syntax of scripts, so that expected and actual ones can be compared line by line. */

const FLAG_LETTERS = "FSRP.UEWA";

export function flagLetters(flags: number): string {
  let text = "";
  for (const letter of "AWESFRPU.") if (flags & (1 << FLAG_LETTERS.indexOf(letter))) text += letter;
  const reserved = flags >> 9;
  return (text || "-") + (reserved ? `(reserved ${reserved})` : "");
}

export function optionsText(options: readonly (TcpOption | RawOption)[]): string {
  return options.length === 0 ? "" : `<${options.map(optionText).join(",")}>`;
}

function optionText(option: TcpOption | RawOption): string {
  switch (option.kind) {
    case "mss":
    case "wscale":
      return `${option.kind} ${option.value}`;
    case "sack":
      return `sack ${option.blocks.map(([left, right]) => `${left}:${right}`).join(" ")}`;
    case "timestamp":
      return `TS val ${option.value} ecr ${option.echo}`;
    case "fastopen":
      return `${option.experimental ? "FOEXP" : "FO"} ${option.name ?? option.cookie}`.trim();
    case "accecn": {
      const names = option.order === 0 ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"];
      return `ECN ${option.counters.map((n, i) => `${names[i]} ${n}`).join(" ")}`;
    }
    case "md5":
      return `md5 ${option.digest}`;
    case "raw":
      return `option ${option.bytes[0]} 0x${hex(option.bytes)}`;
    default:
      return option.kind;
  }
}

/** A TCP packet in a script's numbers; undefined fields are left out. */
export interface TcpText {
  readonly flags: number;
  readonly start: number | undefined;
  readonly length: number;
  readonly ack: number | undefined;
  readonly window: number | undefined;
  readonly urgent: number | undefined;
  readonly options: readonly (TcpOption | RawOption)[] | "any";
  readonly ip: string;
}

export function tcpText(p: TcpText): string {
  const range =
    p.start === undefined ? `...(${p.length})` : `${p.start}:${(p.start + p.length) % 2 ** 32}(${p.length})`;
  const parts = [p.ip, flagLetters(p.flags), range];
  if (p.ack !== undefined) parts.push(`ack ${p.ack}`);
  if (p.window !== undefined) parts.push(`win ${p.window}`);
  if (p.urgent) parts.push(`urg ${p.urgent}`);
  parts.push(p.options === "any" ? "<...>" : optionsText(p.options));
  return parts.filter((part) => part !== "").join(" ");
}

/** An expected packet, as written in the script. */
export function expectedText(p: TcpPacket | UdpPacket | IcmpPacket): string {
  const ip = ipText(p.ip);
  if (p.kind === "udp") return `${ip}${ip && " "}udp (${p.length})`;
  if (p.kind === "icmp")
    return `${ip}${ip && " "}icmp ${p.type} ${p.code ?? ""}${p.mtu === undefined ? "" : ` mtu ${p.mtu}`}`.trimEnd();
  return tcpText({
    flags: p.flags,
    start: p.sequence.any ? undefined : p.sequence.start,
    length: p.sequence.length,
    ack: p.ack,
    window: p.window,
    urgent: p.urgent,
    options: p.options,
    ip,
  });
}

function ipText(ip: IpInfo): string {
  const parts: string[] = [];
  if (ip.ecn) parts.push(ip.ecn);
  if (ip.tos !== undefined) parts.push(`tos 0x${ip.tos.toString(16)}`);
  if (ip.ttl !== undefined) parts.push(`ttl ${ip.ttl}`);
  if (ip.flowLabel !== undefined) parts.push(`flowlabel 0x${ip.flowLabel.toString(16)}`);
  return parts.length === 0 ? "" : `[${parts.join(",")}]`;
}

/** A packet that the stack sent, in the numbers of its flow. */
export function liveText(live: Live, flow: Flow | undefined): string {
  const tcp = live.tcp;
  if (live.udp) return `udp (${live.udp.length})`;
  if (live.icmp) return `icmp ${icmpText(live.icmp.type, live.icmp.code, live.family)}`;
  if (!tcp || !flow) return `protocol ${live.protocol}, ${live.bytes.length} bytes`;
  const options = flow
    .outOptions(live)
    .map((option) =>
      option.kind === "timestamp" ? { ...option, value: flow.outTimestamp(option.value, undefined) } : option,
    );
  return tcpText({
    flags: tcp.flags,
    start: flow.outSequence(live, false),
    length: tcp.payload.length,
    ack: tcp.flags & 16 || tcp.ack !== 0 ? flow.outAck(live, false) : undefined,
    window: tcp.window,
    urgent: tcp.urgent,
    options,
    ip: "",
  });
}

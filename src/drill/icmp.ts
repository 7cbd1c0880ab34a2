import { type IcmpPacket, ScriptError } from "./ast.ts";
import type { Family } from "./codec.ts";

/** The words of ICMP types and codes (RFC 792, 1122, 1812, 4443), as scripts write them. */

const TYPES: Readonly<Record<Family, Readonly<Record<string, number>>>> = {
  4: {
    echo_reply: 0,
    unreachable: 3,
    source_quench: 4,
    redirect: 5,
    echo_request: 8,
    time_exceeded: 11,
    parameter_problem: 12,
    timestamp_request: 13,
    timestamp_reply: 14,
  },
  6: { unreachable: 1, packet_too_big: 2, time_exceeded: 3, parameter_problem: 4, echo_request: 128, echo_reply: 129 },
};

const UNREACHABLE4: readonly string[] = [
  "net_unreachable",
  "host_unreachable",
  "protocol_unreachable",
  "port_unreachable",
  "frag_needed",
  "source_route_failed",
  "net_unknown",
  "host_unknown",
  "source_host_isolated",
  "net_prohibited",
  "host_prohibited",
  "net_unreachable_for_tos",
  "host_unreachable_for_tos",
  "packet_filtered",
  "precedence_violation",
  "precedence_cutoff",
];
const UNREACHABLE6: readonly string[] = [
  "no_route",
  "admin_prohibited",
  "beyond_scope",
  "address_unreachable",
  "port_unreachable",
  "failed_policy",
  "reject_route",
];
const CODES: Readonly<Record<Family, Readonly<Record<string, readonly string[]>>>> = {
  4: {
    unreachable: UNREACHABLE4,
    redirect: ["net", "host", "tos_net", "tos_host"],
    time_exceeded: ["ttl_exceeded", "reassembly_time_exceeded"],
    parameter_problem: ["pointer", "missing_option", "bad_length"],
  },
  6: {
    unreachable: UNREACHABLE6,
    time_exceeded: ["hop_limit_exceeded", "reassembly_time_exceeded"],
    parameter_problem: ["erroneous_header", "unrecognized_next_header", "unrecognized_option"],
  },
};
/** Other tools' words for the same codes. */
const SAME: Readonly<Record<string, string>> = {
  fragmentation_needed: "frag_needed",
  net_unreach: "net_unreachable",
  host_unreach: "host_unreachable",
  prot_unreach: "protocol_unreachable",
  port_unreach: "port_unreachable",
  not_neighbour: "beyond_scope",
  exc_ttl: "ttl_exceeded",
  exc_fragtime: "reassembly_time_exceeded",
};

/** Type and code as numbers. */
export function icmpNumbers(packet: IcmpPacket, family: Family): { type: number; code: number } {
  const type = typeof packet.type === "number" ? packet.type : TYPES[family][packet.type];
  if (type === undefined) throw new ScriptError(packet.position, `ICMPv${family} has no type "${packet.type}"`);
  if (packet.code === undefined || typeof packet.code === "number") return { type, code: packet.code ?? 0 };
  const name = Object.entries(TYPES[family]).find(([, number]) => number === type)?.[0] ?? "";
  const code = (CODES[family][name] ?? []).indexOf(SAME[packet.code] ?? packet.code);
  if (code < 0) throw new ScriptError(packet.position, `ICMPv${family} type ${type} has no code "${packet.code}"`);
  return { type, code };
}

/** "unreachable port_unreachable" for a type and a code that came over the wire. */
export function icmpText(type: number, code: number, family: Family): string {
  const name = Object.entries(TYPES[family]).find(([, number]) => number === type)?.[0];
  if (name === undefined) return `${type} ${code}`;
  const codes = CODES[family][name];
  return codes ? `${name} ${codes[code] ?? code}` : name;
}

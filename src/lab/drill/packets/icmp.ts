import { type IcmpPacket, ScriptError } from "../language/ast.ts";
import type { Family } from "./codec.ts";

/**
 * Names of ICMP types and codes: IANA's registries (RFC 792, 950, 1122, 1191, 1256, 1812, 8335 and RFC 4443, 4861, 8883, …), as written in
 * scripts and in the header files of Linux and FreeBSD.
 */

/** Each line is a number and its names; the first one is shown in reports. */
function words(text: string): ReadonlyMap<number, readonly string[]> {
  const lines = text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first !== "");
  return new Map(lines.map(([number, ...names]) => [Number(number), names]));
}

const TYPES: Readonly<Record<Family, ReadonlyMap<number, readonly string[]>>> = {
  4: words(`
    0 echo_reply echoreply
    3 unreachable dest_unreach dest_unreachable destination_unreachable unreach
    4 source_quench sourcequench
    5 redirect
    6 alternate_host alternate_host_address althostaddr
    8 echo_request echo
    9 router_advertisement router_advert routeradvert
    10 router_solicitation router_solicit routersolicit
    11 time_exceeded timxceed
    12 parameter_problem parameterprob paramprob param_problem
    13 timestamp_request timestamp tstamp
    14 timestamp_reply timestampreply tstampreply
    15 information_request info_request ireq
    16 information_reply info_reply ireqreply
    17 address_mask_request mask_request address maskreq
    18 address_mask_reply mask_reply addressreply maskreply
    30 traceroute
    31 datagram_conversion_error dataconverr
    32 mobile_host_redirect mobile_redirect
    33 ipv6_where_are_you ipv6_whereareyou
    34 ipv6_i_am_here ipv6_iamhere
    35 mobile_registration_request mobile_regrequest
    36 mobile_registration_reply mobile_regreply
    37 domain_name_request
    38 domain_name_reply
    39 skip
    40 photuris security_failures
    41 experimental_mobility
    42 extended_echo_request ext_echo
    43 extended_echo_reply ext_echoreply
  `),
  6: words(`
    1 unreachable dst_unreach dest_unreach dest_unreachable destination_unreachable unreach
    2 packet_too_big pkt_toobig
    3 time_exceeded time_exceed timxceed
    4 parameter_problem parameterprob param_prob paramprob param_problem
    128 echo_request echo
    129 echo_reply echoreply
    130 membership_query multicast_listener_query mld_listener_query mgm_query
    131 membership_report multicast_listener_report mld_listener_report mgm_report
    132 membership_reduction multicast_listener_done mld_listener_reduction mgm_reduction
    133 router_solicitation router_solicit
    134 router_advertisement router_advert
    135 neighbor_solicitation neighbor_solicit neighbour_solicitation neighbour_solicit
    136 neighbor_advertisement neighbor_advert neighbour_advertisement neighbour_advert
    137 redirect
    138 router_renumbering
    139 node_information_query ni_query
    140 node_information_response node_information_reply ni_reply
    141 inverse_neighbor_solicitation
    142 inverse_neighbor_advertisement
    143 multicast_listener_report_v2 mldv2_report mlm_report
    144 home_agent_address_discovery_request dhaad_request
    145 home_agent_address_discovery_reply dhaad_reply
    146 mobile_prefix_solicitation mobile_prefix_sol
    147 mobile_prefix_advertisement mobile_prefix_adv
    148 certification_path_solicitation
    149 certification_path_advertisement
    151 multicast_router_advertisement
    152 multicast_router_solicitation
    153 multicast_router_termination
    155 rpl_control
    157 duplicate_address_request
    158 duplicate_address_confirmation
    160 extended_echo_request ext_echo_request
    161 extended_echo_reply ext_echo_reply
  `),
};

const UNREACHABLE4 = words(`
  0 net_unreachable net_unreach network_unreachable net network
  1 host_unreachable host_unreach host
  2 protocol_unreachable protocol_unreach proto_unreach prot_unreach protocol
  3 port_unreachable port_unreach port
  4 frag_needed fragmentation_needed needfrag need_frag packet_too_big
  5 source_route_failed sr_failed srcfail source_route
  6 net_unknown network_unknown
  7 host_unknown
  8 source_host_isolated host_isolated isolated
  9 net_prohibited net_ano net_prohib network_prohibited
  10 host_prohibited host_ano host_prohib
  11 net_unreachable_for_tos net_unr_tos net_unreach_tos tosnet network_unreachable_for_tos
  12 host_unreachable_for_tos host_unr_tos host_unreach_tos toshost
  13 packet_filtered pkt_filtered filter_prohib admin_prohibited administratively_prohibited communication_prohibited
  14 precedence_violation prec_violation host_precedence
  15 precedence_cutoff prec_cutoff
`);
const UNREACHABLE6 = words(`
  0 no_route noroute net_unreachable
  1 admin_prohibited adm_prohibited admin administratively_prohibited communication_prohibited
  2 beyond_scope beyondscope not_neighbour not_neighbor notneighbor
  3 address_unreachable addr_unreach addr_unreachable addr address host_unreachable
  4 port_unreachable port_unreach noport no_port
  5 failed_policy policy_fail source_policy
  6 reject_route
  7 source_routing_header source_route_failed
  8 headers_too_long
`);

const CODES: Readonly<Record<Family, Readonly<Record<number, ReadonlyMap<number, readonly string[]>>>>> = {
  4: {
    3: UNREACHABLE4,
    5: words(`
      0 net redir_net network
      1 host redir_host
      2 tos_net net_tos tosnet redir_nettos
      3 tos_host host_tos toshost redir_hosttos
    `),
    6: words("0 alternate_address_for_host"),
    9: words(`
      0 normal
      16 no_common_routing nocommon does_not_route_common_traffic
    `),
    11: words(`
      0 ttl_exceeded exc_ttl ttl intrans in_transit transit
      1 reassembly_time_exceeded exc_fragtime fragtime frag_time reassembly reass fragment_reassembly_time_exceeded
    `),
    12: words(`
      0 pointer erratptr pointer_indicates_error
      1 missing_option optabsent missing_required_option
      2 bad_length length
    `),
    40: words(`
      0 bad_spi
      1 authentication_failed
      2 decompression_failed
      3 decryption_failed
      4 need_authentication
      5 need_authorization
    `),
    43: extendedEcho(),
  },
  6: {
    1: UNREACHABLE6,
    3: words(`
      0 hop_limit_exceeded exc_hoplimit hoplimit hop_limit ttl_exceeded transit
      1 reassembly_time_exceeded exc_fragtime fragtime frag_time reassembly fragment_reassembly_time_exceeded
    `),
    4: words(`
      0 erroneous_header hdr_field header erroneous_header_field
      1 unrecognized_next_header unk_nexthdr nextheader unknown_next_header
      2 unrecognized_option unk_option option unknown_option
      3 incomplete_header_chain
      4 sr_upper_layer_header_error
      5 intermediate_unrecognized_next_header
      6 extension_header_too_big
      7 extension_header_chain_too_long
      8 too_many_extension_headers
      9 too_many_options
      10 option_too_big
    `),
    138: words(`
      0 command router_renumbering_command
      1 result router_renumbering_result
      255 seqnum_reset sequence_number_reset
    `),
    139: words(`
      0 subject_ipv6
      1 subject_fqdn
      2 subject_ipv4
    `),
    140: words(`
      0 success
      1 refused
      2 unknown
    `),
    161: extendedEcho(),
  },
};

/** RFC 8335 §3. */
function extendedEcho(): ReadonlyMap<number, readonly string[]> {
  return words(`
    0 no_error
    1 malformed_query
    2 no_such_interface
    3 no_such_table_entry
    4 multiple_interfaces
  `);
}

function numberOf(table: ReadonlyMap<number, readonly string[]> | undefined, word: string): number | undefined {
  const name = word.toLowerCase();
  for (const [number, names] of table ?? []) if (names.includes(name)) return number;
  return undefined;
}

/** Type and code as numbers. */
export function icmpNumbers(packet: IcmpPacket, family: Family): { type: number; code: number } {
  const written = packet.type;
  const type = typeof written === "number" ? written : numberOf(TYPES[family], written);
  if (type === undefined) throw new ScriptError(packet.position, `ICMPv${family} has no type "${written}"`);
  const code = typeof packet.code === "string" ? numberOf(CODES[family][type], packet.code) : (packet.code ?? 0);
  if (code === undefined)
    throw new ScriptError(packet.position, `ICMPv${family} type ${type} has no code "${packet.code}"`);
  for (const [what, n] of Object.entries({ type, code }))
    if (n > 255) throw new ScriptError(packet.position, `expected an ICMP ${what} from 0 to 255, and found ${n}`);
  return { type, code };
}

/** "unreachable port_unreachable" for a type and a code that came over the wire. */
export function icmpText(type: number, code: number, family: Family): string {
  const name = TYPES[family].get(type)?.[0];
  if (name === undefined) return `${type} ${code}`;
  const codes = CODES[family][type];
  return codes ? `${name} ${codes.get(code)?.[0] ?? code}` : name;
}

/** Types whose message quotes the packet that it is about. */
export function isIcmpError(type: number, family: Family): boolean {
  return family === 6 ? type < 128 : [3, 4, 5, 11, 12].includes(type);
}

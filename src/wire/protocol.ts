/** Protocol numbers (IPv4 "protocol", IPv6 "next header"; IANA) used by the stack and its printers. */
export const HOP_BY_HOP = 0;
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const ICMPV6 = 58;
/** IPv6: nothing follows (RFC 8200 §4.7). */
export const NO_NEXT_HEADER = 59;
export const DESTINATION_OPTIONS = 60;

/** What became of datagrams, by name. */
import { mark } from "#base/mark";

export const RX_DELIVERED = mark("udp.rx.delivered", "a datagram for a socket");
export const RX_NO_PORT = mark("udp.rx.no-port", "nobody has that port: port unreachable");
export const RX_BAD_CHECKSUM = mark("udp.rx.bad-checksum", "the checksum is wrong, or absent over IPv6");
export const RX_FULL = mark("udp.rx.full", "the socket's queue is full");
export const RX_ERROR = mark("udp.rx.icmp-error", "ICMP told a connected socket of an error");
export const TX_SENT = mark("udp.tx.sent", "a datagram of the user");

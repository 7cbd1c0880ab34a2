/** The marks of UDP. */
import { mark } from "#base/mark";

export const RX_DELIVERED = mark("udp.rx.delivered", "datagram delivered to a socket");
export const RX_NO_PORT = mark("udp.rx.no-port", "no socket on that port: port unreachable");
export const RX_BAD_CHECKSUM = mark("udp.rx.bad-checksum", "the checksum is wrong, or absent over IPv6");
export const RX_FULL = mark("udp.rx.full", "the socket's queue is full");
export const RX_NO_MEMORY = mark(
  "udp.rx.no-memory",
  "the stack's memory is short, and the socket has had its share (docs/adr/0061)",
);
export const RX_ERROR = mark("udp.rx.icmp-error", "ICMP error for a connected socket");
export const TX_SENT = mark("udp.tx.sent", "datagram sent by the application");

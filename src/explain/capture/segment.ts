import { TcpOptions } from "#wire/tcp-options";

/** One captured TCP segment: reused registers. Numbers are those of the header. */
export class Segment {
  /** µs since 1970. */
  time = 0;
  /** Source and destination address, four words each. */
  readonly addresses = new Int32Array(8);
  sourcePort = 0;
  destinationPort = 0;
  /** Of the IP header: its identification (0 with IPv6), and its TTL or hop limit. */
  id = 0;
  ttl = 0;
  /** uint32 */
  seq = 0;
  ack = 0;
  flags = 0;
  /** Before scaling. */
  window = 0;
  /** Octets of payload that the packet had, captured or not. */
  length = 0;
  readonly options = new TcpOptions();
  /** The interface in the file. */
  place = 0;
}

import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { TCP } from "#wire/protocol";
import * as tcp from "#wire/tcp";
import { parse, TcpOptions } from "#wire/tcp-options";

/** A TCP segment as it is on the wire. */
export class WireSegment {
  isTcp = false;
  /** The last word of each address. */
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  /** Octets of payload. */
  n = 0;
  tsval = 0;
  readonly options = new TcpOptions();
  view: DataView = new DataView(new ArrayBuffer(0));
  o = 0;

  bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.o, this.n);
  }
}

/** Reads the packet of `n` bytes at `o`; false if it is no TCP segment, or damaged. */
export function readWire(v: DataView, o: number, n: number, out: WireSegment): boolean {
  out.isTcp = false;
  const six = n > 0 && v.getUint8(o) >> 4 === 6;
  if (six ? ipv6.valid(v, o, n) !== 0 : ipv4.valid(v, o, n) !== 0 || !ipv4.checksumGood(v, o)) return false;
  if ((six ? ipv6.nextHeader(v, o) : ipv4.protocol(v, o)) !== TCP) return false;
  out.isTcp = true;
  const header = six ? ipv6.HEADER : ipv4.headerLength(v, o);
  const length = (six ? ipv6.HEADER + ipv6.payloadLength(v, o) : ipv4.totalLength(v, o)) - header;
  const at = o + header;
  const pseudo = six
    ? checksum.sum(v, o + ipv6.SOURCE, 32, length + TCP)
    : checksum.pseudo4(ipv4.source(v, o), ipv4.destination(v, o), TCP, length);
  if (length < tcp.HEADER_MIN || !checksum.good(checksum.sum(v, at, length, pseudo))) return false;
  const data = tcp.headerLength(v, at);
  if (data < tcp.HEADER_MIN || data > length) return false;
  out.source = six ? ipv6.source(v, o, 3) : ipv4.source(v, o);
  out.destination = six ? ipv6.destination(v, o, 3) : ipv4.destination(v, o);
  out.sourcePort = tcp.sourcePort(v, at);
  out.destinationPort = tcp.destinationPort(v, at);
  out.seq = tcp.seq(v, at);
  out.ack = tcp.ack(v, at);
  out.flags = tcp.flags(v, at);
  out.window = tcp.window(v, at);
  out.n = length - data;
  out.view = v;
  out.o = at + data;
  parse(v, at + tcp.HEADER_MIN, at + data, out.options);
  out.tsval = out.options.tsval;
  return true;
}

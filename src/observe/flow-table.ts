import * as tcphdr from "#wire/tcp";
import type { PacketFields } from "./packet-fields.ts";

/** What was seen of one direction of a connection. */
interface Side {
  /** The ISN; or, if there was no SYN, the number before the first octet seen. */
  base: number;
  /** The window scale of its SYN; -1: none. */
  scale: number;
}

/** Connections whose sides are remembered; the oldest are forgotten first. */
const FLOWS_MAX = 100_000;

/** The connections that a link has seen, so that sequence numbers can be told relative to the ISN, as the stacks do. */
export class FlowTable {
  readonly #sides = new Map<string, Side>();

  /** The fields of the segment at `o`, with relative numbers and the scaled window. */
  segment(
    v: DataView,
    o: number,
    from: string,
    to: string,
    absolute: PacketFields,
  ): PacketFields & { readonly source: string; readonly destination: string } {
    const source = endText(from, tcphdr.sourcePort(v, o));
    const destination = endText(to, tcphdr.destinationPort(v, o));
    const flags = tcphdr.flags(v, o);
    const own = this.#side(`${source}>${destination}`, absolute.seq, flags & tcphdr.SYN ? absolute : null);
    const { ack, sack, ...rest } = absolute;
    const seq = (absolute.seq - own.base) >>> 0;
    if (ack === undefined) return { source, destination, ...rest, seq };
    const far = this.#side(`${destination}>${source}`, ack, null);
    const relative = (number: number) => (number - far.base) >>> 0;
    const scaled = (flags & tcphdr.SYN) === 0 && own.scale >= 0 && far.scale >= 0;
    return {
      source,
      destination,
      ...rest,
      seq,
      ack: relative(ack),
      window: scaled ? absolute.window * 2 ** own.scale : absolute.window,
      ...(sack === undefined ? {} : { sack: sack.map(([left, right]) => [relative(left), relative(right)] as const) }),
    };
  }

  /** @param syn the fields of its SYN: a new connection */
  #side(key: string, number: number, syn: PacketFields | null): Side {
    const known = this.#sides.get(key);
    if (known !== undefined && (syn === null || known.base === syn.seq)) return known;
    const side = syn === null ? { base: (number - 1) | 0, scale: -1 } : { base: syn.seq, scale: syn.windowScale ?? -1 };
    if (this.#sides.size >= FLOWS_MAX) this.#sides.delete(this.#sides.keys().next().value!);
    this.#sides.set(key, side);
    return side;
  }
}

/** `10.0.0.7:80`, `[fd00::7]:80`. */
export function endText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

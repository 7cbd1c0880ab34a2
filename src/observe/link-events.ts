/** What a link did to each packet, as events of a run: one when it is offered, with its headers, and one for each thing that happens to it. */
import { type Mark, markName } from "#base/mark";
import type { Link, LinkObserver } from "#device/link";
import * as marks from "#device/link-marks";
import { Address } from "#ip/address";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { ExtensionWalk, walkExtensions } from "#wire/ipv6-extensions";
import { print } from "#wire/print";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { flagNames } from "#wire/tcp-flags";
import type { FlowTable } from "./flow-table.ts";
import { addOptions, type PacketFields } from "./packet-fields.ts";

interface Common {
  readonly time: number;
  /** The direction of the link: "left>right". */
  readonly who: string;
  /** The packet's number on this direction of the link, from 1 on. */
  readonly packet: number;
}

export type LinkEvent = Common &
  (
    | ({
        readonly event: "link:packet_offered";
        /** Octets of the IP packet. */
        readonly size: number;
        /** Packets that wait in front of the transmitter already. */
        readonly queue: number;
      } & (TcpPacket | OtherPacket))
    | { readonly event: "link:packet_dropped"; readonly cause: string }
    | { readonly event: Happening }
  );

/** Sequence numbers are relative to the SYN's or, if the link has not seen it, to the first packet's. */
type TcpPacket = { readonly source: string; readonly destination: string } & PacketFields;
/** Another protocol, a fragment, or a damaged packet: as text. */
interface OtherPacket {
  readonly text: string;
}

/** What else can happen to a packet. */
type Happening = `link:packet_${"delivered" | "duplicated" | "corrupted" | "reordered" | "marked"}`;

/** By mark. */
const PLAIN: Readonly<Record<Mark, Happening>> = {
  [marks.LINK_DELIVERED]: "link:packet_delivered",
  [marks.LINK_DUPLICATED]: "link:packet_duplicated",
  [marks.LINK_CORRUPTED]: "link:packet_corrupted",
  [marks.LINK_REORDERED]: "link:packet_reordered",
  [marks.LINK_MARKED]: "link:packet_marked",
};

const walk = new ExtensionWalk();

export interface LinkNames {
  readonly who: string;
  readonly flows: FlowTable;
  /** By address: what it is called in the events. */
  readonly names: ReadonlyMap<string, string>;
}

/** Observes one direction of a link. The flow table is shared by both directions, so that ACKs are relative as well. */
export class LinkRecorder implements LinkObserver {
  /** The link, whose queue is read. */
  link: Pick<Link, "waiting"> | null = null;
  readonly #who: string;
  readonly #flows: FlowTable;
  readonly #names: ReadonlyMap<string, string>;
  readonly #take: (event: LinkEvent) => void;

  constructor({ who, flows, names }: LinkNames, take: (event: LinkEvent) => void) {
    this.#who = who;
    this.#flows = flows;
    this.#names = names;
    this.#take = take;
  }

  onLink(time: number, mark: Mark, v: DataView, o: number, n: number, packet: number): void {
    const common = { time, who: this.#who, packet };
    if (mark === marks.LINK_OFFERED) {
      const queue = this.link?.waiting ?? 0;
      const what = this.#tcp(v, o, n) ?? { text: print(v, o, n) };
      this.#take({ ...common, event: "link:packet_offered", size: n, queue, ...what });
    } else if (mark in PLAIN) this.#take({ ...common, event: PLAIN[mark]! });
    else this.#take({ ...common, event: "link:packet_dropped", cause: markName(mark) });
  }

  /** Null if it is no whole TCP segment. */
  #tcp(v: DataView, o: number, n: number): TcpPacket | null {
    const ip = readIp(v, o, n);
    if (ip === null || tcphdr.valid(v, ip.o, ip.n) !== 0) return null;
    const named = (address: string) => this.#names.get(address) ?? address;
    return this.#flows.segment(v, ip.o, named(ip.source), named(ip.destination), tcpFields(v, ip.o, ip.n));
  }
}

/** The fields with absolute numbers. */
function tcpFields(v: DataView, o: number, n: number): PacketFields {
  const header = tcphdr.headerLength(v, o);
  const flags = tcphdr.flags(v, o);
  const fields = {
    seq: tcphdr.seq(v, o) >>> 0,
    length: n - header,
    flags: flagNames(flags),
    window: tcphdr.window(v, o),
    ...(flags & tcphdr.ACK ? { ack: tcphdr.ack(v, o) >>> 0 } : {}),
  };
  addOptions(fields, v, o, header);
  return fields;
}

interface IpPacket {
  readonly source: string;
  readonly destination: string;
  /** The TCP header, and the octets from there on. */
  readonly o: number;
  readonly n: number;
}

/** Where TCP begins in the packet of `n` bytes at `o`; null if it is not TCP, a fragment, or damaged. */
export function readIp(v: DataView, o: number, n: number): IpPacket | null {
  const version = n > 0 ? v.getUint8(o) >> 4 : 0;
  if (version === 4 && ipv4.valid(v, o, n) === 0) {
    if (ipv4.protocol(v, o) !== protocol.TCP || ipv4.moreFragments(v, o) || ipv4.fragmentOffset(v, o) > 0) return null;
    const header = ipv4.headerLength(v, o);
    return {
      source: `${Address.v4(ipv4.source(v, o))}`,
      destination: `${Address.v4(ipv4.destination(v, o))}`,
      o: o + header,
      n: ipv4.totalLength(v, o) - header,
    };
  }
  if (version !== 6 || ipv6.valid(v, o, n) !== 0) return null;
  const whole = ipv6.HEADER + ipv6.payloadLength(v, o);
  if (walkExtensions(v, o, whole, walk) !== 0 || walk.fragmentO >= 0 || walk.upper !== protocol.TCP) return null;
  const at = (p: number) => `${new Address(v.getInt32(p), v.getInt32(p + 4), v.getInt32(p + 8), v.getInt32(p + 12))}`;
  return {
    source: at(o + ipv6.SOURCE),
    destination: at(o + ipv6.DESTINATION),
    o: walk.upperO,
    n: o + whole - walk.upperO,
  };
}

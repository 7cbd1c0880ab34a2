/** The packets of a world, and how tests ask for them. */
import type { RunEvent } from "#observe/events";
import type { LinkEvent } from "#observe/link-events";
import { microseconds, type Time } from "./units.ts";
import { invalid } from "./world-error.ts";

/** A packet on one link of its way. Times are virtual ms. */
export interface WorldPacket {
  /** When it was sent on this link. */
  readonly time: number;
  /** The direction of the link, "a>b". */
  readonly link: string;
  /** The hosts' names; an address that no host has is left as it is. */
  readonly from: string;
  /** The host that it is for. */
  readonly to: string;
  /** The sender's port. */
  readonly fromPort: number;
  /** The receiver's port. */
  readonly toPort: number;
  /** "SYN", "ACK,PSH"; "" if it is not TCP. */
  readonly flags: string;
  /** The packet in words, as tcpdump has them, if it is not TCP: "IP 10.0.0.1.5353 > 10.0.0.2.53: UDP, length 5". */
  readonly text: string;
  /** SEG.SEQ, relative to the ISN. */
  readonly seq: number;
  /** SEG.ACK, relative to the other side's ISN; 0 without the flag. */
  readonly ack: number;
  /** Octets of payload of TCP or UDP. */
  readonly length: number;
  /** Octets of the IP packet. */
  readonly size: number;
  /** What became of it on this link. */
  readonly fate: "on its way" | "delivered" | "lost";
  /** Why it was lost: "link.loss", "link.down" … */
  readonly cause: string;
  /** When it arrived; null: it has not. */
  readonly arrived: number | null;
}

/** What a packet must be. All that is given must hold. */
export interface PacketFilter {
  /** The sending host's name. */
  readonly from?: string;
  /** The receiving host's name. */
  readonly to?: string;
  /** The direction of a link, "a>b". */
  readonly link?: string;
  /** One of its ports. */
  readonly port?: number;
  /** Flags that are set: "SYN", "RST", "SYN,ACK". */
  readonly flags?: string;
  /** Flags of which none is set. */
  readonly without?: string;
  /** What became of it. */
  readonly fate?: WorldPacket["fate"];
  /** Whether it carries payload. */
  readonly data?: boolean;
  /** Sent at this virtual time or later: ms, or "80ms". */
  readonly after?: Time;
  /** Sent before this virtual time. */
  readonly before?: Time;
}

/** How many packets are kept. Of a run with more, tests cannot ask for any: without the rest an answer might be wrong. */
const PACKETS_MAX = 1_000_000;

type Mutable = { -readonly [K in keyof WorldPacket]: WorldPacket[K] };

/** Gathers the packets from the events of links. */
export class Packets {
  readonly all: Mutable[] = [];
  /** By direction and number; those that have not ended. */
  readonly #open = new Map<string, Mutable>();
  readonly #names: ReadonlyMap<string, string>;
  readonly #most: number;
  #isFull = false;

  /** @param names of hosts by their addresses. @param most packets that are kept */
  constructor(names: ReadonlyMap<string, string>, most = PACKETS_MAX) {
    this.#names = names;
    this.#most = most;
  }

  event(event: RunEvent): void {
    if (!("packet" in event)) return;
    if (event.event === "link:packet_offered") this.#offered(event);
    else if (event.event === "link:packet_delivered") this.#end(event, "delivered", "");
    else if (event.event === "link:packet_dropped") this.#end(event, "lost", event.cause);
  }

  /** @throws WorldError EINVAL */
  find(filter: PacketFilter | ((packet: WorldPacket) => boolean)): WorldPacket[] {
    if (this.#isFull)
      throw invalid(`this world has sent more than ${this.#most} packets, and later ones were not kept`);
    return this.all.filter(typeof filter === "function" ? filter : matcher(filter));
  }

  #offered(event: LinkEvent & { readonly event: "link:packet_offered" }): void {
    if (this.all.length >= this.#most) {
      this.#isFull = true;
      return;
    }
    const isTcp = "seq" in event;
    const { from, fromPort, to, toPort, length } = isTcp ? segmentEnds(event) : endsOf(event.text);
    const packet: Mutable = {
      time: event.time / 1_000,
      link: event.who,
      from: this.#names.get(from) ?? from,
      to: this.#names.get(to) ?? to,
      fromPort,
      toPort,
      flags: isTcp ? event.flags : "",
      text: isTcp ? "" : event.text,
      seq: isTcp ? event.seq : 0,
      ack: isTcp ? (event.ack ?? 0) : 0,
      length,
      size: event.size,
      fate: "on its way",
      cause: "",
      arrived: null,
    };
    this.all.push(packet);
    this.#open.set(`${event.who} ${event.packet}`, packet);
  }

  #end({ who, packet, time }: LinkEvent, fate: "delivered" | "lost", cause: string): void {
    const key = `${who} ${packet}`;
    const found = this.#open.get(key);
    if (found === undefined) return;
    this.#open.delete(key);
    found.fate = fate;
    found.cause = cause;
    if (fate === "delivered") found.arrived = time / 1_000;
  }
}

interface Ends {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly length: number;
}

function segmentEnds(event: { readonly source: string; readonly destination: string; readonly length: number }): Ends {
  const [from, fromPort] = end(event.source);
  const [to, toPort] = end(event.destination);
  return { from, fromPort, to, toPort, length: event.length };
}

/** Of a packet in words: datagrams have ports and a length, all others and fragments have addresses alone. */
function endsOf(text: string): Ends {
  const [, source = text, destination = "", udp, length] =
    /^IP6? (\S+) > (\S+): (UDP, (?:length (\d+)$)?)?/.exec(text) ?? [];
  if (udp === undefined) return { from: source, fromPort: 0, to: destination, toPort: 0, length: 0 };
  const [from, fromPort] = end(source, ".");
  const [to, toPort] = end(destination, ".");
  // The header of a first fragment is not seen.
  if (length === undefined) return { from, fromPort: 0, to, toPort: 0, length: 0 };
  return { from, fromPort, to, toPort, length: Number(length) };
}

/** "a:80" as ["a", 80], "[fd00::7]:80" as ["fd00::7", 80]. */
function end(text: string, separator = ":"): readonly [string, number] {
  const at = text.lastIndexOf(separator);
  return [text.slice(0, at).replace(/^\[|\]$/g, ""), Number(text.slice(at + 1))];
}

const KEYS = new Set(["from", "to", "link", "port", "flags", "without", "fate", "data", "after", "before"]);

function matcher(filter: PacketFilter): (packet: WorldPacket) => boolean {
  for (const key of Object.keys(filter)) {
    if (!KEYS.has(key)) throw invalid(`packets are not filtered by ${key}: use ${[...KEYS].join(", ")}, or a function`);
  }
  const { from, to, link, port, fate, data } = filter;
  const flags = filter.flags?.split(",") ?? [];
  const without = filter.without?.split(",") ?? [];
  const after = filter.after === undefined ? 0 : microseconds("after", filter.after) / 1_000;
  const before = filter.before === undefined ? Number.POSITIVE_INFINITY : microseconds("before", filter.before) / 1_000;
  return (packet) => {
    const set = packet.flags.split(",");
    return (
      (from === undefined || packet.from === from) &&
      (to === undefined || packet.to === to) &&
      (link === undefined || packet.link === link) &&
      (port === undefined || packet.fromPort === port || packet.toPort === port) &&
      flags.every((flag) => set.includes(flag)) &&
      !without.some((flag) => set.includes(flag)) &&
      (fate === undefined || packet.fate === fate) &&
      (data === undefined || packet.length > 0 === data) &&
      packet.time >= after &&
      packet.time < before
    );
  };
}

/** A packet as a line: `    80.000 a>b  a:40001 > b:80 SYN seq 0  lost (link.loss)`. */
export function packetLine(packet: WorldPacket): string {
  const { time, link, from, to, fromPort, toPort, flags, text, seq, length, fate, cause } = packet;
  const what = text !== "" ? text : `${from}:${fromPort} > ${to}:${toPort} ${flags} seq ${seq} length ${length}`;
  return `${time.toFixed(3).padStart(12)} ms  ${link}  ${what}  ${fate}${cause === "" ? "" : ` (${cause})`}`;
}

import { ACK, FIN, type Ports, RST, SYN, type TcpOption, type TcpPacket } from "../language/ast.ts";
import { decodeOptions, type Live, patternByte, type TcpFields } from "./codec.ts";

/** A data segment that was sent, with offsets in the stream; `octets` includes its headers. */
export interface Departure {
  readonly start: number;
  readonly end: number;
  readonly octets: number;
  readonly time: number;
}

/** A segment that was received. */
interface Arrival {
  readonly start: number;
  readonly end: number;
  readonly time: number;
}

/** Linux copies segments of at most this many octets into the preceding buffer instead of keeping a buffer for them. */
const SMALL = 64;

/**
 * One connection between the script and the stack, which translates the script's numbers to live numbers. A script counts from the ISNs
 * that it writes itself; the stack chooses its own ISN and timestamps.
 */
export class Flow {
  /** The stack's port, and the peer's. 0: not known yet. */
  localPort = 0;
  remotePort = 0;
  /** "open": a socket without a connection; "listening"; "active": opened by connect; "passive": opened by a received packet. */
  kind: "open" | "listening" | "active" | "passive" = "open";
  /** Ports as written in the script, if any, from the stack's point of view. */
  written: Ports | undefined;
  /** The ISN of each direction: on the wire and, for the local one, in the script. */
  remoteIsn = 0;
  #remoteKnown = false;
  localIsn = 0;
  scriptLocalIsn = 0;
  #localKnown = false;
  /** The length of the headers of the received SYN that opened the connection, octets. */
  synHeaders = 0;
  /** The SYN that was injected last, for a connection that is reopened on the same ports. */
  #newestSyn = -1;
  /** The first timestamp of the stack, in the script and live, and all later ones by the script's number. */
  #timestamp: { script: number; live: number } | undefined;
  readonly #values = new Map<number, number>();
  /** Octets that the script wrote as text instead of the pattern, by stream offset. */
  readonly #written = new Map<number, number>();

  constructor(written: Ports | undefined) {
    this.written = written;
  }

  /** Whether the script has a connection here (or something that may become one), not a bare or listening socket. */
  get live(): boolean {
    return this.kind === "active" || this.kind === "passive";
  }

  // ---- injected packets

  /** The live sequence number of an injected packet. */
  inSequence(packet: TcpPacket): number {
    const { start, absolute, any } = packet.sequence;
    if (packet.flags & SYN) {
      this.#newestSyn = start;
      if (!this.#remoteKnown) this.#learnRemote(start);
      return start;
    }
    return absolute || any ? start : (start + this.remoteIsn) >>> 0;
  }

  inAck(packet: TcpPacket): number {
    const ack = packet.ack ?? 0;
    if (packet.ack === undefined || packet.ackAbsolute) return ack;
    return this.#inEdge(ack, (packet.flags & SYN) !== 0);
  }

  #inEdge(edge: number, onSyn: boolean): number {
    return (edge + this.localIsn - (onSyn ? this.scriptLocalIsn : 0)) >>> 0;
  }

  /** The options of an injected packet in live numbers. Undefined: a timestamp echoes one that the stack never sent. */
  inOptions(options: readonly TcpOption[], packet: TcpPacket, scaled: boolean): TcpOption[] | undefined {
    const mapped: TcpOption[] = [];
    for (const option of options) {
      if (option.kind === "sack") {
        const blocks = option.blocks.map(([l, r]) => [this.#inEdge(l, false), this.#inEdge(r, false)] as const);
        mapped.push({ kind: "sack", blocks });
      } else if (option.kind === "timestamp" && packet.flags & ACK) {
        const echo = this.#inEcho(option.echo, scaled);
        if (echo === undefined) return undefined;
        mapped.push({ ...option, echo });
      } else mapped.push(option);
    }
    return mapped;
  }

  #inEcho(script: number, scaled: boolean): number | undefined {
    const known = this.#values.get(script);
    if (known !== undefined || script === 0) return known ?? 0;
    if (!scaled || !this.#timestamp) return undefined;
    return (this.#timestamp.live + (script - this.#timestamp.script)) >>> 0;
  }

  /** The stack's live sequence number for one that an ICMP error quotes. */
  quotedSequence(start: number): number {
    return (start + this.localIsn) >>> 0;
  }

  #learnRemote(isn: number): void {
    this.remoteIsn = isn;
    this.#remoteKnown = true;
  }

  // ---- packets of the stack

  /** Records a packet that the stack sent: the first SYN gives its ISN. */
  sent(live: Live): void {
    const tcp = live.tcp;
    if (tcp && (tcp.flags & RST) === 0) this.#advance(tcp);
    if (tcp && tcp.flags & FIN) this.#fin = (tcp.sequence + tcp.payload.length) >>> 0;
    if (tcp && tcp.payload.length > 0) this.#depart(live, tcp.sequence, tcp.flags, tcp.payload.length);
    if (!tcp || (tcp.flags & SYN) === 0 || tcp.flags & RST) return;
    const reborn =
      this.#localKnown &&
      tcp.sequence !== this.localIsn &&
      ((tcp.flags & ACK) === 0 || tcp.ack === (this.#newestSyn + 1) >>> 0);
    if (this.#localKnown && !reborn) return;
    if (reborn) {
      this.#timestamp = undefined;
      this.#values.clear();
      this.#written.clear();
      this.#fin = undefined;
      this.peerFinished = false;
      this.#arrivals.length = 0;
      this.#departures.length = 0;
      // A SYN without ACK reopens the connection: its SYN,ACK shows the peer's number.
      if (tcp.flags & ACK) this.#learnRemote(this.#newestSyn);
      else this.#remoteKnown = false;
    }
    this.localIsn = tcp.sequence;
    this.#localKnown = true;
    this.#scriptLocalKnown = false;
  }

  #scriptLocalKnown = false;
  /** The sequence number after everything that the stack has sent. */
  sentUpTo = 0;

  #advance({ sequence, payload, flags }: TcpFields): void {
    const end = (sequence + payload.length + Number((flags & SYN) !== 0) + Number((flags & FIN) !== 0)) >>> 0;
    if (flags & SYN || ((end - this.sentUpTo) | 0) > 0) this.sentUpTo = end;
  }

  /** The sequence number of the stack's FIN, and whether the peer has sent one. */
  #fin: number | undefined;
  peerFinished = false;

  /** Whether both sides have sent a FIN, and the stack's has this number. */
  closes(fin: number): boolean {
    return this.peerFinished && this.#fin === fin;
  }

  /** Records the script's sequence number of the stack's first SYN. */
  expectSyn(start: number): void {
    if (this.#scriptLocalKnown) return;
    this.scriptLocalIsn = start;
    this.#scriptLocalKnown = true;
  }

  outSequence(live: Live, absolute: boolean): number {
    const { sequence, flags } = live.tcp!;
    if (absolute) return sequence;
    return (sequence - this.localIsn + (flags & SYN ? this.scriptLocalIsn : 0)) >>> 0;
  }

  outAck(live: Live, absolute: boolean): number {
    const { ack, flags } = live.tcp!;
    if (absolute || flags & SYN || (flags & ACK) === 0) return ack;
    return (ack - this.remoteIsn) >>> 0;
  }

  /** SACK edges in the script's numbers. Timestamps: see `outTimestamp`. */
  outOptions(live: Live): ReturnType<typeof decodeOptions> {
    return decodeOptions(live.tcp!.options).map((option) =>
      option.kind === "sack"
        ? {
            kind: "sack",
            blocks: option.blocks.map(([l, r]) => [(l - this.remoteIsn) >>> 0, (r - this.remoteIsn) >>> 0] as const),
          }
        : option,
    );
  }

  /** The stack's timestamp in the script's numbers; the first expected one sets the origin. */
  outTimestamp(live: number, script: number | undefined): number {
    if (!this.#timestamp) {
      if (script === undefined) return live;
      this.#timestamp = { script, live };
    }
    return (this.#timestamp.script + (live - this.#timestamp.live)) >>> 0;
  }

  /** Records the script's number for a live timestamp. */
  recordTimestamp(script: number, live: number): void {
    this.#values.set(script, live);
  }

  // ---- times at which octets were sent and received

  readonly #departures: Departure[] = [];
  readonly #arrivals: Arrival[] = [];

  #depart(live: Live, sequence: number, flags: number, n: number): void {
    const start = (sequence - this.localIsn - (flags & SYN ? 0 : 1)) | 0;
    this.#departures.push({ start, end: start + n, octets: live.bytes.length, time: live.time });
  }

  /** Data segments sent since the last call. */
  takeDepartures(): readonly Departure[] {
    return this.#departures.splice(0);
  }

  /** Records an injected segment with these octets of the peer's stream. */
  arrived(start: number, end: number, time: number): void {
    if (end > start) this.#arrivals.push({ start, end, time });
  }

  /** The time at which the octet at this offset first arrived. */
  arrivalTime(offset: number): number | undefined {
    return this.#arrivals.find(({ start, end }) => start <= offset && offset < end)?.time;
  }

  /**
   * The end of the given number of segments, beginning with the one that contains this offset. A small segment counts as part of the one
   * before it.
   */
  pieceEnd(offset: number, pieces: number): number {
    let at = offset;
    for (let n = 0; n < pieces; ) {
      const piece = this.#arrivals.find(({ start, end }) => start <= at && at < end);
      if (!piece) break;
      if (piece.end - at > SMALL || n === 0) n++;
      at = piece.end;
    }
    return at;
  }

  // ---- payload

  /** Records octets that a call sent and that differ from the pattern. */
  wrote(offset: number, bytes: Uint8Array): void {
    bytes.forEach((b, i) => {
      if (b !== patternByte(offset + i)) this.#written.set(offset + i, b);
    });
  }

  /** The octet that the stack must send at this offset of its stream. */
  sentByte(offset: number): number {
    return this.#written.get(offset) ?? patternByte(offset);
  }
}

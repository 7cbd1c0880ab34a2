import { markName } from "#base/mark";
import { CSUM_PARTIAL, Packet } from "#base/packet";
import { PAGE_MASK, PAGE_SIZE } from "#base/slab";
import { NEVER } from "#base/time";
import type { Limits } from "#stack/limits";
import type { ActiveOpenOptions, PassiveOpenOptions, StackOptions } from "#stack/options";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { type StateName, stateName } from "#tcp/words/state";
import { Tcb } from "#tcp/words/tcb";
import { naiveChecksum } from "./naive/checksum.ts";
import { address, naiveIPv4, naiveIPv6, naivePseudo } from "./naive/ip.ts";
import {
  flagLetters,
  half,
  mss,
  naiveOptions,
  naiveTcp,
  sackBlocks,
  sackOk,
  timestamps,
  word,
  wscale,
} from "./naive/tcp.ts";

import type { Given, Offered, Sent } from "./tcp-bench-types.ts";

export type { Given, Offered, Sent } from "./tcp-bench-types.ts";

export interface BenchOptions extends Partial<Omit<StackOptions, "addresses">> {
  family?: 4 | 6;
  params?: TcpSettings;
  /** Both ISNs lie just before this number: by default where an int32 wraps. */
  wrap?: number;
}

/** The octet of a stream at position `i`: no short period, so that a shift shows. */
export const octetAt = (i: number): number => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 255;

export function octets(from: number, n: number): Uint8Array {
  const out = new Uint8Array(n);
  for (let i = 0; i < n; i++) out[i] = octetAt(from + i);
  return out;
}

/** Timers off or quick, options off: what a segment says is then only what the test is about. */
export const PLAIN: TcpSettings = { sack: false, timestamps: false, windowScale: false, quickAcks: 0 };

/**
 * One stack and a peer made by hand: a test says what arrives and when, and reads what the stack sends. Both ISNs lie just
 * before the wrap of an int32, so that every test crosses it. Each packet that comes out is checked as a whole: lengths, checksums,
 * options, and MSS in SYNs alone.
 */
export class TcpBench {
  readonly stack: Stack;
  readonly params: TcpSettings;
  readonly start: number;
  readonly family: 4 | 6;
  readonly local: string;
  readonly remote: string;
  now: number;
  listener: PassiveOpen | null = null;
  tcb!: Tcb;
  /** Peer's ISN and ours, unsigned. */
  irs: number;
  iss = 0;
  /** What a well-behaved peer sends next: the first octet it has not sent, the one it expects. */
  peerNxt = 0;
  peerExpects = 0;
  peerTs = 1000;
  /** The last TSval seen, to be echoed. */
  seenTs = 0;
  usesTs = false;
  port = 5555;
  localPort = 80;
  /** Packets that the stack was given, and did not drop at first sight. */
  processed = 0;
  readonly #sent: Sent[] = [];
  readonly #packet = new Packet();
  readonly #slot: number;

  constructor(options: BenchOptions = {}) {
    this.family = options.family ?? 4;
    this.local = this.family === 4 ? "10.0.0.7" : "fd00::7";
    this.remote = this.family === 4 ? "10.0.1.5" : "fd01::5";
    this.params = { ...PLAIN, ...options.params };
    const make = (limits: Partial<Limits>) =>
      new Stack({ mtu: 1500, seed: 1, ...options, limits, params: this.params, addresses: [address(this.local)] });
    // ISNs run with the clock: begin when ours is about to wrap. The scout sends nothing, so a little memory is enough.
    const scout = make({ ...options.limits, memory: 1 << 20 }).connect(address(this.remote), 80, { localPort: 80 }, 0);
    // Rows from the beginning, so that all tests have them.
    this.stack = make({ memory: 4 << 20, halfOpenInFull: 0, ...options.limits });
    const { wrap = 0x80000000 } = options;
    this.irs = (wrap - 16) >>> 0;
    this.start = 4 * ((wrap - 8 - (scout.snd.iss >>> 0)) >>> 0) + 4_000_000;
    this.now = this.start;
    let page = this.stack.slab.alloc();
    this.#slot = page;
    for (let i = 1; i < 5; i++) {
      const next = this.stack.slab.alloc();
      if (next !== page + PAGE_SIZE) throw new Error("the first pages of a slab lie side by side");
      page = next;
    }
  }

  // --- Opening -------------------------------------------------------------------------------------------------------

  listen(options: PassiveOpenOptions = {}): this {
    this.listener = this.stack.listen(this.localPort, options);
    return this;
  }

  /** Active OPEN from port 80 to port 5555. */
  connect(options: ActiveOpenOptions = {}): this {
    this.tcb = this.stack.connect(address(this.remote), this.port, { localPort: this.localPort, ...options }, this.now);
    this.iss = this.tcb.snd.iss >>> 0;
    return this;
  }

  /** A passive connection, opened by the peer; its packets are read away. */
  established(offer: Offered & { win?: number } = { mss: 1460 }): this {
    if (this.listener === null) this.listen();
    if (offer.ts !== undefined) this.peerTs = offer.ts[0];
    this.in("S", { win: 65535, ...offer });
    const [answer] = this.out();
    if (answer?.flags !== "S.") throw new Error(`no SYN,ACK but ${answer?.line}`);
    this.usesTs = answer.ts !== null;
    this.in(".", { win: offer.win ?? 65535 });
    const tcb = this.stack.accept(this.listener!);
    if (tcb === null) throw new Error("not established");
    this.tcb = tcb;
    this.out();
    this.events();
    return this;
  }

  /** An active connection. */
  connected(offer: Offered & { win?: number } = { mss: 1460 }, options: ActiveOpenOptions = {}): this {
    this.connect(options);
    const [syn] = this.out();
    if (syn?.flags !== "S") throw new Error(`no SYN but ${syn?.line}`);
    this.usesTs = offer.ts !== undefined && syn.ts !== null;
    this.in("S.", { win: 65535, ...offer });
    this.out();
    this.events();
    return this;
  }

  /** A connection in that state, its output read away. */
  static at(state: StateName, options: BenchOptions = {}, offer: Offered & { win?: number } = { mss: 1460 }): TcpBench {
    // A half-open connection keeps its TCB, so that the test has it.
    const limits = state === "SYN-RECEIVED" ? { ...options.limits, sleepAfter: NEVER } : options.limits;
    const bench = new TcpBench({ ...options, ...(limits === undefined ? {} : { limits }) });
    if (state === "SYN-SENT") bench.connect().out();
    else if (state === "SYN-RECEIVED") {
      bench
        .listen()
        .in("S", { win: 65535, ...offer })
        .out();
      for (const tcb of bench.stack.connections()) bench.tcb = tcb;
    } else bench.established(offer);
    if (state === "CLOSE-WAIT" || state === "LAST-ACK") bench.in("F.").out();
    if (state !== "ESTABLISHED" && state !== "CLOSE-WAIT" && bench.state !== "SYN-SENT" && bench.listener !== null) {
      if (state !== "SYN-RECEIVED") bench.stack.closeSend(bench.tcb, bench.now);
    }
    bench.out();
    if (state === "FIN-WAIT-2" || state === "TIME-WAIT") bench.in(".");
    if (state === "CLOSING") bench.in("F.", { ack: 1 });
    if (state === "TIME-WAIT") bench.in("F.");
    bench.out();
    bench.events();
    if (bench.state !== state) throw new Error(`wanted ${state}, got ${bench.state}`);
    return bench;
  }

  // --- The wire ------------------------------------------------------------------------------------------------------

  /** A segment from the peer. */
  in(flags: string, given: Given = {}): this {
    const seq = given.seq ?? this.peerNxt;
    const ack = flags.includes(".") ? (given.ack ?? this.peerExpects) : 0;
    const payload = given.data ?? octets(seq - 1, given.n ?? 0);
    const source = given.source ?? this.remote;
    const destination = given.destination ?? this.local;
    const segment = naiveTcp({
      source,
      destination,
      sourcePort: given.port ?? this.port,
      destinationPort: given.localPort ?? this.localPort,
      flags,
      seq: (this.irs + seq) >>> 0,
      ack: flags.includes(".") ? (this.iss + ack) >>> 0 : 0,
      window: given.win ?? 65535,
      urgent: given.urg ?? 0,
      options: this.#options(given, flags),
      payload,
    });
    const end = seq + payload.length + (flags.includes("S") ? 1 : 0) + (flags.includes("F") ? 1 : 0);
    if (!flags.includes("R") && given.seq === undefined) this.peerNxt = Math.max(this.peerNxt, end);
    const ip =
      this.family === 4
        ? naiveIPv4({ source, destination, protocol: 6, tos: given.tos ?? 0 }, segment)
        : naiveIPv6({ source, destination, nextHeader: 6, trafficClass: given.tos ?? 0 }, segment);
    return this.inject(ip);
  }

  /** Octets from the wire, whatever they are. */
  inject(bytes: ArrayLike<number>): this {
    const packet = this.#packet;
    packet.clear();
    packet.o = this.#slot + 64;
    packet.n = bytes.length;
    this.stack.slab.u8.set(bytes, packet.o);
    // As the driver does.
    if (this.stack.isFlooded(this.now) && this.stack.sheds(packet, this.now)) return this;
    this.processed++;
    this.stack.input(packet, this.now);
    return this;
  }

  /** A super-segment as a device with offload hands it over: trusted checksum, segments of `size`. */
  inSuper(n: number, size: number, given: Given = {}): this {
    const seq = given.seq ?? this.peerNxt;
    if (given.seq === undefined) this.peerNxt += n;
    const segment = naiveTcp({
      source: this.remote,
      destination: this.local,
      sourcePort: this.port,
      destinationPort: this.localPort,
      flags: ".",
      seq: (this.irs + seq) >>> 0,
      ack: (this.iss + (given.ack ?? this.peerExpects)) >>> 0,
      window: given.win ?? 65535,
      urgent: 0,
      options: this.#options(given, "."),
      payload: octets(seq - 1, n),
    });
    const bytes = naiveIPv4({ source: this.remote, destination: this.local, protocol: 6 }, segment);
    const packet = this.#packet;
    packet.clear();
    packet.o = this.#slot + 64;
    packet.n = bytes.length;
    packet.gso = 1;
    packet.gsoSize = size;
    this.stack.slab.u8.set(bytes, packet.o);
    this.stack.input(packet, this.now);
    return this;
  }

  /** Everything that the stack has sent since the last call. */
  out(): Sent[] {
    this.#collect();
    return this.#sent.splice(0);
  }

  /** The same as lines. */
  lines(): string[] {
    return this.out().map((sent) => sent.line);
  }

  /** Virtual time passes, timers fire, output is collected as it comes. */
  run(us: number): this {
    const until = this.now + us;
    this.#collect();
    for (let turns = 0; ; turns++) {
      if (turns > 200_000) throw new Error("timers without end");
      const next = this.stack.nextDeadline();
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.stack.advance(this.now);
      this.#collect();
    }
    this.now = until;
    return this;
  }

  // --- The user ------------------------------------------------------------------------------------------------------

  /** SEND of `n` octets of our stream, with SEND_* of `flags`. Returns what was taken. */
  send(n: number, { from = this.#written, flags = 0 } = {}): number {
    const taken = this.stack.send(this.tcb, octets(from, n), 0, n, this.now, flags);
    if (taken > 0) this.#written = from + taken;
    return taken;
  }
  #written = 0;

  /** RECEIVE of all that is there; throws where an octet is not that of the peer's stream. */
  read(most = 1 << 20): number {
    const buffer = new Uint8Array(most);
    const n = this.stack.receive(this.tcb, buffer, 0, most);
    for (let i = 0; i < n; i++) {
      if (buffer[i] !== octetAt(this.#read + i)) throw new Error(`octet ${this.#read + i} is not what was sent`);
    }
    this.#read += n;
    return n;
  }
  #read = 0;

  get state(): string {
    return stateName(this.tcb.state);
  }

  /** The events told since the last call, of the connection under test. */
  events(): number {
    let bits = 0;
    for (let who = this.stack.nextEvent(); who !== undefined; who = this.stack.nextEvent()) {
      if (!(who instanceof Tcb)) continue;
      if (who === this.tcb) bits |= who.events;
      who.events = 0;
    }
    return bits;
  }

  count(name: string): number {
    return this.stack.counters.snapshot()[name] ?? 0;
  }

  /** Nothing may be left of a connection that is over. */
  leftovers(): { connections: number; records: number; pages: number; deadline: number } {
    this.#collect();
    return {
      connections: this.stack.connectionCount,
      records: this.stack.recordsInUse,
      pages: this.stack.slab.used - 5,
      deadline: this.stack.nextDeadline(),
    };
  }

  // --- Inside --------------------------------------------------------------------------------------------------------

  #options(given: Offered, flags: string): number[] {
    if (given.raw !== undefined) return [...given.raw];
    const out: number[] = [];
    if (given.mss !== undefined) out.push(...mss(given.mss));
    if (given.sackOk) out.push(1, 1, ...sackOk);
    if (given.wscale !== undefined) out.push(1, ...wscale(given.wscale));
    const auto = this.usesTs && !flags.includes("S") ? ([this.peerTs, this.seenTs] as const) : undefined;
    const ts = given.ts ?? auto;
    if (ts !== undefined) out.push(1, 1, ...timestamps(ts[0], ts[1]));
    if (given.sack !== undefined && given.sack.length > 0) {
      const raw = given.sack.map(([l, r]) => [(this.iss + l) >>> 0, (this.iss + r) >>> 0] as const);
      out.push(1, 1, ...sackBlocks(raw));
    }
    return out;
  }

  #collect(): void {
    const packet = this.#packet;
    for (let turns = 0; this.stack.poll(packet, this.now); turns++) {
      if (turns > 100_000) throw new Error("output without end");
      const { u8 } = this.stack.slab;
      const bytes: number[] = [...u8.subarray(packet.o, packet.o + packet.n)];
      for (let i = 0; i < packet.slices; i++) {
        const o = packet.sliceO[i]!;
        if ((o & PAGE_MASK) + packet.sliceN[i]! > PAGE_SIZE) throw new Error("a slice leaves its page");
        bytes.push(...u8.subarray(o, o + packet.sliceN[i]!));
      }
      this.#take(bytes, packet);
    }
  }

  #take(ip: number[], packet: Packet): void {
    const four = ip[0]! >> 4 === 4;
    const headerN = four ? (ip[0]! & 15) * 4 : 40;
    const total = four ? half(ip, 2) : 40 + half(ip, 4);
    if (total !== ip.length) throw new Error(`IP says ${total} octets, the packet has ${ip.length}`);
    if (four && naiveChecksum(ip.slice(0, headerN)) !== 0xffff) throw new Error("bad IP checksum");
    if (ip[four ? 9 : 6] !== 6) return;
    const tcp = ip.slice(headerN);
    const source = address(this.local);
    const destination = address(this.remote);
    const pseudo = naivePseudo(source, destination, 6, tcp.length);
    const sum = packet.csum === CSUM_PARTIAL ? [...pseudo, ...tcp.slice(16, 18)] : [...pseudo, ...tcp];
    const want = packet.csum === CSUM_PARTIAL ? naiveChecksum(pseudo) : 0xffff;
    const got = packet.csum === CSUM_PARTIAL ? half(tcp, 16) : naiveChecksum(sum);
    if (got !== want) throw new Error("bad TCP checksum");
    if (packet.gso === 0 && ip.length > this.stack.mtu) throw new Error(`${ip.length} octets do not fit the link`);
    this.#sent.push(this.#parse(tcp, ip, packet, four));
  }

  #parse(tcp: number[], ip: number[], packet: Packet, four: boolean): Sent {
    const flags = flagLetters(tcp[13]!);
    const header = (tcp[12]! >> 4) * 4;
    const localPort = half(tcp, 0);
    const remotePort = half(tcp, 2);
    const rawSeq = word(tcp, 4);
    const rawAck = word(tcp, 8);
    if (flags.includes("S") && !flags.includes("R") && remotePort === this.port) this.iss = rawSeq;
    if (!flags.includes(".") && rawAck !== 0) throw new Error("an acknowledgment number without ACK");
    if (!flags.includes("U") && half(tcp, 18) !== 0) throw new Error("an urgent pointer without URG");
    const rel = (raw: number, base: number) => (raw - base) | 0;
    const seq = rel(rawSeq, this.iss);
    const ack = flags.includes(".") ? rel(rawAck, this.irs) : 0;
    const data = Uint8Array.from(tcp.slice(header));
    const found = new Map<number, number[]>();
    const kinds: number[] = [];
    for (const [kind, value] of naiveOptions(tcp.slice(20, header))) {
      if (found.has(kind)) throw new Error(`option ${kind} twice`);
      found.set(kind, value);
      kinds.push(kind);
    }
    if (found.has(2) !== flags.includes("S")) throw new Error("MSS goes in SYNs, and in SYNs alone (MUST-65)");
    const stamps = found.get(8);
    if (stamps !== undefined) this.seenTs = word(stamps, 0);
    const blocks = found.get(5) ?? [];
    const sack: [number, number][] = [];
    for (let i = 0; i < blocks.length; i += 8) {
      sack.push([rel(word(blocks, i), this.irs), rel(word(blocks, i + 4), this.irs)]);
    }
    const urg = half(tcp, 18);
    const end = seq + data.length;
    if (!flags.includes("R") && remotePort === this.port) {
      const after = end + (flags.includes("S") ? 1 : 0) + (flags.includes("F") ? 1 : 0);
      this.peerExpects = Math.max(this.peerExpects, after);
    }
    let line = `${flags} ${seq}:${end}(${data.length})`;
    if (flags.includes(".")) line += ` ack ${ack}`;
    if (sack.length > 0) line += ` sack ${sack.map(([l, r]) => `${l}:${r}`).join(" ")}`;
    if (flags.includes("U")) line += ` urg ${urg}`;
    const mssValue = found.get(2);
    return {
      at: this.now - this.start,
      flags,
      seq,
      ack,
      rawSeq,
      rawAck,
      win: half(tcp, 14),
      urg,
      mss: mssValue === undefined ? -1 : half(mssValue, 0),
      wscale: found.get(3)?.[0] ?? -1,
      sackOk: found.has(4),
      ts: stamps === undefined ? null : [word(stamps, 0), word(stamps, 4)],
      sack,
      cookie: found.get(34) ?? found.get(254)?.slice(2) ?? null,
      kinds,
      data,
      cause: markName(packet.cause),
      gsoSize: packet.gsoSize,
      source: (four ? ip.slice(12, 16) : ip.slice(8, 24)).join("."),
      tos: four ? ip[1]! : ((ip[0]! & 15) << 4) | (ip[1]! >> 4),
      ttl: four ? ip[8]! : ip[7]!,
      dontFragment: four && (ip[6]! & 0x40) !== 0,
      size: ip.length,
      localPort,
      remotePort,
      line,
    };
  }
}

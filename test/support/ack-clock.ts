/**
 * A sender with a full window, and a peer who acknowledges each segment as it arrives: the clock of a long transfer without
 * the packets. What one ACK costs is counted in reads of the scoreboard's arrays, which do not depend on the machine, and in nanoseconds.
 */
import { Packet } from "#base/packet";
import type { CongestionControl } from "#tcp/congestion/congestion";
import { segmentArrives } from "#tcp/machine/arrives";
import { send } from "#tcp/machine/calls";
import { pollTransmit } from "#tcp/machine/output";
import { timeouts } from "#tcp/machine/timeouts";
import { Reset } from "#tcp/words/reset";
import { Segment } from "#tcp/words/segment";
import { diff } from "#tcp/words/seq";
import type { Tcb } from "#tcp/words/tcb";
import { ACK } from "#wire/tcp";
import { SackPeer } from "./sack-peer.ts";
import { TcpBench } from "./tcp-bench.ts";

/** Octets of a segment: windows of 100,000 segments then fit into memory. */
const MSS = 100;
/** The round trip, us, whatever the window is. */
const RTT = 100_000;
const SCALE = 14;

/** What the path does to one segment in a hundred. */
export type Path = "clean" | "loss" | "reordering";

export interface Cost {
  /** Reads of the scoreboard's arrays per ACK. */
  readonly steps: number;
  readonly ns: number;
  /** Segments that were in flight on average. */
  readonly flight: number;
  readonly resent: number;
}

/** cwnd is what it was, whatever happens: the window is the peer's. */
const FIXED: CongestionControl = {
  name: "newreno",
  stateSize: 0,
  reset() {},
  reduce: (tcb) => tcb.cc.cwnd,
  timedOut() {},
  measured() {},
  avoid() {},
  idle() {},
};

interface Flying {
  readonly segment: number;
  readonly at: number;
}

export class AckClock {
  readonly tcb: Tcb;
  readonly #peer: SackPeer;
  readonly #window: number;
  readonly #path: Path;
  readonly #packet = new Packet();
  readonly #segment = new Segment();
  readonly #reset = new Reset();
  readonly #text = new Uint8Array(1 << 16);
  readonly #first: number;
  /** Segments on the path, in the order in which they arrive: those that keep to it, and those that are late. */
  readonly #flying: Flying[] = [];
  #next = 0;
  readonly #late: Flying[] = [];
  #nextLate = 0;
  #now: number;
  #random = 12_345;
  readonly #step: number;
  acks = 0;
  #isCounted = false;
  #flight = 0;
  #steps = 0;

  constructor(window: number, path: Path) {
    const octets = window * MSS;
    const bench = new TcpBench({
      limits: { memory: 64 << 20, records: 1 << 18 },
      params: { sack: true, windowScale: true, sendBuffer: 2 * octets + (1 << 20), initialWindow: window },
    });
    bench.listen().in("S", { mss: MSS, sackOk: true, wscale: SCALE }).out();
    bench.run(RTT).in(".").out();
    this.tcb = bench.stack.accept(bench.listener!)!;
    this.tcb.congestion = FIXED;
    // The path is known to reorder: RACK waits for what is late.
    if (path === "reordering") this.tcb.reorderingsSeen = 1;
    this.tcb.cc.ssthresh = this.tcb.cc.cwnd;
    this.#first = this.tcb.snd.una;
    this.#now = bench.now;
    this.#window = window;
    this.#path = path;
    this.#step = RTT / window;
    this.#peer = new SackPeer(4 * window + 65_536);
    this.#packet.o = this.tcb.env.slab.alloc() + 256;
    // The handshake's window was not scaled.
    this.#acknowledge();
    this.#send();
  }

  /** So many segments arrive, and nothing is counted. */
  warmUp(arrivals: number): void {
    for (let i = 0; i < arrivals; i++) this.#arrival();
  }

  /** So many segments arrive, and are acknowledged. @param counting reads are counted, which takes time of its own */
  run(arrivals: number, counting = true): Cost {
    if (counting) this.#count();
    const acks = this.acks;
    const { retransmissionsTotal } = this.tcb;
    this.#steps = 0;
    this.#flight = 0;
    const begun = Bun.nanoseconds();
    for (let i = 0; i < arrivals; i++) this.#arrival();
    const spent = Bun.nanoseconds() - begun;
    const n = this.acks - acks;
    return {
      steps: this.#steps / n,
      ns: spent / n,
      flight: this.#flight / n,
      resent: this.tcb.retransmissionsTotal - retransmissionsTotal,
    };
  }

  /**
   * The peer says what it likes: an ACK of `next`, blocks of segments [left, right), from where the window began. Nothing is sent in answer.
   * Returns the reads of the scoreboard's arrays.
   * @param echo the timestamp that it echoes, if any
   */
  says(next: number, blocks: readonly (readonly [number, number])[], echo?: number): number {
    this.#count();
    const seg = this.#segment;
    seg.seq = this.tcb.rcv.nxt;
    seg.ack = (this.#first + next * MSS) | 0;
    seg.wnd = (this.#window * MSS + (1 << SCALE)) >> SCALE;
    seg.ctl = ACK;
    seg.options.clear();
    if (echo !== undefined) {
      this.tcb.timestampsOk = seg.options.timestamps = true;
      seg.options.tsval = this.tcb.tsRecent;
      seg.options.tsecr = echo;
    }
    seg.options.sackBlocks = blocks.length;
    for (const [i, [left, right]] of blocks.entries()) {
      seg.options.sackLeft[i] = this.#first + left * MSS;
      seg.options.sackRight[i] = this.#first + right * MSS;
    }
    this.#now += 10;
    this.#steps = 0;
    segmentArrives(this.tcb, seg, this.#now, this.#reset);
    return this.#steps;
  }

  /** Time passes without a packet; timers fire. Returns the reads. */
  passes(us: number): number {
    this.#now += us;
    this.#steps = 0;
    if (this.tcb.deadline() <= this.#now) timeouts(this.tcb, this.#now);
    this.#send();
    return this.#steps;
  }

  #arrival(): void {
    const { segment, at } = this.#take();
    this.#now = Math.max(this.#now + this.#step, at);
    if (this.tcb.deadline() <= this.#now) {
      timeouts(this.tcb, this.#now);
      this.#send();
    }
    this.#peer.take(segment);
    this.#acknowledge();
    this.#send();
  }

  /** The segment that arrives next. */
  #take(): Flying {
    const late = this.#late[this.#nextLate];
    const next = this.#flying[this.#next];
    if (late !== undefined && (next === undefined || late.at < next.at)) {
      this.#nextLate++;
      return late;
    }
    if (next === undefined) throw new Error("nothing is on its way");
    if (++this.#next > 65_536) {
      this.#flying.splice(0, this.#next);
      this.#next = 0;
    }
    return next;
  }

  #acknowledge(): void {
    const seg = this.#segment;
    const peer = this.#peer;
    seg.seq = this.tcb.rcv.nxt;
    seg.ack = (this.#first + peer.next * MSS) | 0;
    seg.wnd = (this.#window * MSS + (1 << SCALE)) >> SCALE;
    seg.ctl = ACK;
    seg.options.clear();
    seg.options.sackBlocks = Math.min(peer.blocks, 4);
    for (let i = 0; i < seg.options.sackBlocks; i++) {
      seg.options.sackLeft[i] = this.#first + peer.left(i) * MSS;
      seg.options.sackRight[i] = this.#first + peer.right(i) * MSS;
    }
    segmentArrives(this.tcb, seg, this.#now, this.#reset);
    this.acks++;
    this.#flight += this.tcb.board.packetsOut;
  }

  /** Writes what the user has, an eighth of a window ahead, and sends what may go. */
  #send(): void {
    const { tcb } = this;
    const packet = this.#packet;
    const ahead = ((this.#window >> 3) + 8) * MSS;
    for (;;) {
      if (tcb.snd.queued - tcb.outstanding() < ahead) send(tcb, this.#text, 0, 64 * MSS, 0, this.#now);
      const before = tcb.snd.nxt;
      const resent = tcb.delivery.bytesRetransmitted;
      packet.slices = 0;
      packet.gso = 0;
      if (!pollTransmit(tcb, packet, false, this.#now)) return;
      if (tcb.snd.nxt !== before || tcb.delivery.bytesRetransmitted !== resent) this.#fly();
    }
  }

  /** The segment that was just written leaves. */
  #fly(): void {
    const view = this.tcb.env.slab.view;
    const seq = view.getInt32(this.#packet.o + 4);
    const segment = diff(seq, this.#first) / MSS;
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) & 0x7fffffff;
    const special = this.#path !== "clean" && (this.#random >> 8) % 100 === 0;
    if (special && this.#path === "loss") return;
    if (special) this.#late.push({ segment, at: this.#now + RTT + RTT / 10 });
    else this.#flying.push({ segment, at: this.#now + RTT });
  }

  /** The scoreboard's arrays count how often they are read. */
  #count(): void {
    const records = this.tcb.env.records as unknown as Record<string, unknown>;
    const read = (): void => {
      this.#steps++;
    };
    for (const [name, array] of Object.entries(records)) {
      if (ArrayBuffer.isView(array) && !this.#isCounted) records[name] = counted(array as Int32Array, read);
    }
    this.#isCounted = true;
  }
}

function counted(array: Int32Array, read: () => void): Int32Array {
  return new Proxy(array, {
    get(target, key) {
      if (typeof key === "symbol" || Number.isNaN(Number(key))) {
        const value = Reflect.get(target, key) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      }
      read();
      return target[Number(key)];
    },
    set(target, key, value) {
      target[Number(key)] = value;
      return true;
    },
  });
}

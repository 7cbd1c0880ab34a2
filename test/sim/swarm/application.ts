import { Prng } from "#base/prng";
import type { Application } from "#lab/sim/host";
import type { Simulation } from "#lab/sim/simulation";
import type { Stack } from "#stack/stack";
import { errorName, type TcpErrorName } from "#tcp/words/error";
import { CLOSED } from "#tcp/words/state";
import { EVENT_CLOSED, EVENT_OPENED, EVENT_REMOTE_CLOSED, type Tcb } from "#tcp/words/tcb";
import type { SidePlan } from "./scenario.ts";
import { Violation } from "./violation.ts";

/** A prime, so that no power of two of displacement goes unnoticed. */
const PERIOD = 65_521;
const PATTERN = pattern();

/** Twice the period, so that any stretch up to it lies in one piece. */
function pattern(): Buffer {
  const prng = new Prng(0x5eed);
  const bytes = Buffer.alloc(2 * PERIOD);
  for (let i = 0; i < PERIOD; i++) bytes[i] = bytes[i + PERIOD] = prng.int32() & 0xff;
  return bytes;
}

/** The octets of one direction of one connection. */
export class Stream {
  readonly #salt: number;

  constructor(salt: number) {
    this.#salt = Math.imul(salt, 7919) >>> 0;
  }

  /** Where octet `offset` lies in `Stream.bytes`; from there on at least `PERIOD` octets follow. */
  place(offset: number): number {
    return (offset + this.#salt) % PERIOD;
  }

  static readonly bytes: Buffer = PATTERN;
  static readonly most = PERIOD;

  /** Where the first wrong octet of `n` at `o` of `u8` is, or -1. */
  check(offset: number, u8: Uint8Array, o: number, n: number): number {
    for (let done = 0; done < n; ) {
      const piece = Math.min(PERIOD, n - done);
      const at = this.place(offset + done);
      if (PATTERN.compare(u8, o + done, o + done + piece, at, at + piece) !== 0) {
        for (let i = 0; i < piece; i++) if (PATTERN[at + i] !== u8[o + done + i]) return offset + done + i;
      }
      done += piece;
    }
    return -1;
  }
}

const target = Buffer.alloc(1 << 16);

/** One end of a connection that does what its plan says, and checks every octet it is given. */
export class PlannedApplication implements Application {
  readonly name: string;
  readonly plan: SidePlan;
  readonly outgoing: Stream;
  /** What should come; undefined: whatever comes. */
  readonly incoming: Stream | undefined;
  tcb: Tcb | undefined;
  sent = 0;
  got = 0;
  opened = false;
  /** The end of the peer's stream was reached. */
  eof = false;
  closed = false;
  /** How it ended; undefined: it has not. */
  outcome: TcpErrorName | undefined;
  /** Reads, for the balance of window updates. */
  reads = 0;
  /** How often it was given text that was still in its packet. */
  fromPackets = 0;
  readonly #sim: Simulation;
  readonly #stack: Stack;
  readonly #wake: () => void;
  #writeAt = 0;
  #readAt = 0;
  #stalled = false;
  #remoteClosed = false;
  #timerAt = -1;

  constructor(
    name: string,
    plan: SidePlan,
    streams: { readonly out: Stream; readonly in: Stream | undefined },
    sim: Simulation,
    stack: Stack,
    wake: () => void,
  ) {
    this.name = name;
    this.plan = plan;
    this.outgoing = streams.out;
    this.incoming = streams.in;
    this.#sim = sim;
    this.#stack = stack;
    this.#wake = wake;
  }

  onEvents(tcb: Tcb, events: number): void {
    this.tcb = tcb;
    if (events & EVENT_OPENED) {
      this.opened = true;
      if (this.#takes) this.#stack.takeFromPackets(tcb, 1);
    }
    if (events & EVENT_REMOTE_CLOSED) this.#remoteClosed = true;
    this.#act(tcb);
    if ((events & EVENT_CLOSED || tcb.state === CLOSED) && this.outcome === undefined) this.#ended(tcb);
  }

  onText(tcb: Tcb): void {
    this.fromPackets++;
    this.#read(tcb);
    this.#wake();
  }

  /** Whether it takes text from packets. It follows from the plan, so that plans of earlier versions stay the same. */
  get #takes(): boolean {
    return this.plan.read % 2 === 0;
  }

  /** It was told that its machine is gone. */
  lost(): void {
    this.outcome ??= "ECONNABORTED";
    this.tcb = undefined;
  }

  /** The world's last resort after a restart, where nobody is there to tell it that the peer is gone. */
  giveUp(): void {
    if (this.tcb === undefined || this.outcome !== undefined) return;
    this.#stack.abort(this.tcb, this.#sim.now);
    this.#wake();
  }

  #act(tcb: Tcb): void {
    if (this.outcome !== undefined) return;
    const before = this.sent + this.got + (this.closed ? 1 : 0);
    this.#read(tcb);
    if (tcb.state !== CLOSED) {
      this.#write(tcb);
      this.#close(tcb);
    }
    if (this.sent + this.got + (this.closed ? 1 : 0) !== before) this.#wake();
  }

  #write(tcb: Tcb): void {
    const { plan } = this;
    const now = this.#sim.now;
    while (this.sent < plan.bytes && !this.closed) {
      if (now < this.#writeAt) {
        this.#again(this.#writeAt);
        return;
      }
      const n = Math.min(plan.write, plan.bytes - this.sent, PERIOD);
      const taken = this.#stack.send(tcb, Stream.bytes, this.outgoing.place(this.sent), n, now);
      if (taken <= 0) return;
      this.sent += taken;
      if (plan.writePause > 0) this.#writeAt = now + plan.writePause;
      if (this.#abortDue(tcb)) return;
    }
  }

  #read(tcb: Tcb): void {
    const { plan } = this;
    const now = this.#sim.now;
    // A socket that was closed reads nothing any more.
    while (tcb.rcv.unread > 0 && !(this.closed && plan.end === "close")) {
      if (!this.#stalled && this.got >= plan.stallAt && plan.stallFor > 0) {
        this.#stalled = true;
        this.#readAt = now + plan.stallFor;
      }
      if (now < this.#readAt) {
        this.#again(this.#readAt);
        return;
      }
      const n = this.#stack.receive(tcb, target, 0, Math.min(plan.read, target.length));
      this.reads++;
      const wrong = this.incoming?.check(this.got, target, 0, n) ?? -1;
      if (wrong >= 0)
        throw new Violation("the octets delivered are those sent", `${this.name}: octet ${wrong} is another`);
      this.got += n;
      if (plan.readPause > 0) this.#readAt = now + plan.readPause;
      if (this.#abortDue(tcb)) return;
    }
    if (this.#remoteClosed && tcb.rcv.unread === 0) this.eof = true;
  }

  #abortDue(tcb: Tcb): boolean {
    const { plan } = this;
    if (plan.end !== "abort" || this.closed || this.sent + this.got < plan.abortAt) return false;
    this.closed = true;
    this.#stack.abort(tcb, this.#sim.now);
    return true;
  }

  #close(tcb: Tcb): void {
    const { end, bytes } = this.plan;
    if (this.closed || this.sent < bytes || !(this.opened || tcb.fast.early)) return;
    if (end === "fin-after-peer" && !this.eof) return;
    this.closed = true;
    const now = this.#sim.now;
    if (end === "close") this.#stack.close(tcb, now);
    else if (end === "abort") this.#stack.abort(tcb, now);
    else this.#stack.closeSend(tcb, now);
  }

  #ended(tcb: Tcb): void {
    // What was received in order before an orderly end is still to be read, at this application's pace.
    if (tcb.rcv.unread > 0 && !(this.closed && this.plan.end === "close")) return;
    this.outcome = errorName(tcb.error);
    this.#stack.release(tcb);
    this.tcb = undefined;
  }

  #again(at: number): void {
    if (this.#timerAt >= 0 && this.#timerAt <= at && this.#timerAt > this.#sim.now) return;
    this.#timerAt = at;
    this.#sim.at(at, () => {
      if (this.#timerAt === at) this.#timerAt = -1;
      const { tcb } = this;
      if (tcb === undefined) return;
      this.#act(tcb);
      if (tcb.state === CLOSED && this.outcome === undefined) this.#ended(tcb);
      this.#wake();
    });
  }
}

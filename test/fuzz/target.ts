import { CSUM_NONE, Packet } from "#base/packet";
import { PAGE_SIZE } from "#base/slab";
import type { UdpEndpoint } from "#stack/datagrams";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { CLOSED } from "#tcp/words/state";
import { Tcb } from "#tcp/words/tcb";
import { checkStack } from "../support/invariants.ts";
import { address } from "../support/naive/ip.ts";

/** One event of a fuzzed stack: a packet, time, or a call. Plain JSON, so that a run is a file. */
export type Step =
  | {
      readonly in: string;
      readonly gso?: number;
      readonly size?: number;
      readonly csum?: number;
      readonly start?: number;
    }
  | { readonly time: number }
  | { readonly call: Call; readonly which: number; readonly n: number };

export const CALLS = [
  "connect",
  "send",
  "read",
  "closeSend",
  "close",
  "abort",
  "release",
  "accept",
  "urgent",
  "cork",
  "connectInside",
  "datagram",
  "ping",
] as const;
export type Call = (typeof CALLS)[number];

export interface Setting {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly offload: boolean;
  readonly params: TcpSettings;
  /** Those of the far end, if they are others. */
  readonly farParams?: TcpSettings;
}

export const LOCAL = { 4: "10.0.0.7", 6: "fd00::7" } as const;
export const REMOTE = { 4: "10.0.1.5", 6: "fd01::5" } as const;
export const PORT = 7000;
/** Small limits, so that they are reached. */
const LIMITS = { connections: 12, records: 200, memory: 2 << 20 };
const SLOTS = 5;

export interface Output {
  readonly bytes: Uint8Array;
  readonly gso: number;
  readonly size: number;
  readonly csum: number;
  readonly start: number;
}

/** A stack with a listener and connections, driven step by step; after each step everything that must hold is checked. */
export class Target {
  readonly stack: Stack;
  readonly listener: PassiveOpen;
  readonly #endpoint: UdpEndpoint;
  /** Connections that the user holds, in the order in which it got them; a place is used again. */
  readonly held: (Tcb | null)[] = [];
  readonly setting: Setting;
  now: number;
  packets = 0;
  readonly #own: string;
  readonly #remote: string;
  readonly #packet = new Packet();
  readonly #slot: number;
  readonly #buffer = new Uint8Array(1 << 16);

  /** @param far the same stack seen from the other side: addresses exchanged. */
  constructor(setting: Setting, far = false) {
    this.setting = setting;
    const { seed, family, offload } = setting;
    const params = (far ? setting.farParams : undefined) ?? setting.params;
    const local = (far ? REMOTE : LOCAL)[family];
    this.#own = local;
    this.#remote = (far ? LOCAL : REMOTE)[family];
    const features = { checksum: offload, tso4: offload, tso6: offload };
    this.stack = new Stack({
      addresses: [address(local)],
      mtu: 1500,
      seed: seed + (far ? 1 : 0),
      limits: LIMITS,
      offload: features,
      params,
    });
    this.listener = this.stack.listen(PORT, { backlog: 4 });
    this.#endpoint = this.stack.datagrams.open({ port: PORT });
    this.now = 1_000_000;
    const first = this.stack.slab.alloc();
    for (let i = 1; i < SLOTS; i++) {
      if (this.stack.slab.alloc() !== first + i * PAGE_SIZE) throw new Error("slots lie side by side");
    }
    this.#slot = first + 64;
  }

  /** Takes the step; returns what the stack sent. Throws where something is wrong. */
  take(step: Step): Output[] {
    if ("in" in step) this.#input(step);
    else if ("time" in step) this.#time(step.time);
    else this.#call(step.call, step.which, step.n);
    const out = this.#drain();
    this.#events();
    checkStack(this.stack, [this.listener]);
    return out;
  }

  /** Whether the user has a connection that is not over. */
  alive(): boolean {
    return this.held.some((tcb) => tcb !== null && tcb.state !== CLOSED);
  }

  /** Ends everything, waits, and looks for what was left behind. */
  finish(): void {
    for (const [i, tcb] of this.held.entries()) {
      if (tcb !== null) this.take({ call: "abort", which: i, n: 0 });
      if (tcb !== null) this.take({ call: "release", which: i, n: 0 });
    }
    this.stack.unlisten(this.listener, this.now);
    this.stack.datagrams.close(this.#endpoint);
    this.#drain();
    // Whatever the peer keeps open for itself ends with its timers: TIME-WAIT, fragments.
    this.take({ time: 6_000_000_000 });
    const left = [...this.stack.connections()];
    for (const tcb of left) this.stack.abort(tcb, this.now);
    this.#drain();
    const { slab } = this.stack;
    const used = slab.used - SLOTS;
    if (this.stack.connectionCount !== 0 || this.stack.recordsInUse !== 0 || used !== 0) {
      throw new Error(
        `left behind: ${this.stack.connectionCount} connections, ${this.stack.recordsInUse} records, ${used} pages`,
      );
    }
    if (left.length > 0) throw new Error(`${left.length} connections without a user never end: ${left[0]!.state}`);
  }

  #input(step: Extract<Step, { in: string }>): void {
    const bytes = Uint8Array.fromHex(step.in);
    const packet = this.#packet;
    packet.clear();
    packet.o = this.#slot;
    packet.n = bytes.length;
    packet.gso = step.gso ?? 0;
    packet.gsoSize = step.size ?? 0;
    packet.csum = step.csum ?? CSUM_NONE;
    packet.csumStart = step.start ?? 0;
    packet.csumOffset = 16;
    this.stack.slab.u8.set(bytes, packet.o);
    this.packets++;
    this.stack.input(packet, this.now);
  }

  #time(us: number): void {
    const until = this.now + us;
    for (let turns = 0; ; turns++) {
      if (turns > 100_000) throw new Error("timers without end");
      const next = this.stack.nextDeadline();
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.stack.advance(this.now);
      this.#drain();
    }
    this.now = until;
  }

  #call(call: Call, which: number, n: number): void {
    const { stack, held, now } = this;
    if (call === "datagram" || call === "ping") {
      this.#callWithoutConnection(call, n);
      return;
    }
    if (call === "connect" || call === "connectInside") {
      const tcb = this.#connect(call === "connect" ? this.#remote : this.#own);
      if (tcb !== null) this.#hold(tcb);
      return;
    }
    if (call === "accept") {
      const tcb = stack.accept(this.listener);
      if (tcb !== null) this.#hold(tcb);
      return;
    }
    const tcb = held[which];
    if (tcb === null || tcb === undefined) return;
    if (call === "send") stack.send(tcb, this.#buffer, 0, Math.min(n, this.#buffer.length), now);
    else if (call === "read") stack.receive(tcb, this.#buffer, 0, Math.min(n, this.#buffer.length));
    else if (call === "closeSend") stack.closeSend(tcb, now);
    else if (call === "close") stack.close(tcb, now);
    else if (call === "abort") stack.abort(tcb, now);
    else if (call === "cork") stack.cork(tcb, n % 2 === 0, now);
    else if (call === "urgent") stack.markUrgent(tcb);
    else {
      stack.close(tcb, now);
      stack.release(tcb);
      held[which] = null;
    }
    stack.touch(tcb);
  }

  /** Datagrams and echo requests, to the other side or to ourselves. */
  #callWithoutConnection(call: "datagram" | "ping", n: number): void {
    const { datagrams, echo } = this.stack;
    const to = address(n % 3 === 0 ? this.#own : this.#remote);
    try {
      if (call === "datagram") datagrams.send(this.#endpoint, this.#buffer.subarray(0, n % 4_000), to, PORT);
      else echo.start(to, { count: 1 + (n % 4), interval: 1 + n, timeout: 1_000_000, size: n % 4_000 }, null, this);
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
    }
    datagrams.receive(this.#endpoint, this.#buffer);
  }

  #connect(remote: string): Tcb | null {
    try {
      const tcb = this.stack.connect(address(remote), PORT, {}, this.now);
      if (tcb.params.fastOpen) this.stack.send(tcb, this.#buffer, 0, 100, this.now);
      return tcb;
    } catch (error) {
      if (error instanceof Error && "code" in error) return null;
      throw error;
    }
  }

  #hold(tcb: Tcb): void {
    const over = this.held.findIndex((other) => other === null || other.state === CLOSED);
    if (over < 0) this.held.push(tcb);
    else {
      const other = this.held[over];
      if (other) this.stack.release(other);
      this.held[over] = tcb;
    }
  }

  #drain(): Output[] {
    const out: Output[] = [];
    const packet = this.#packet;
    let polls = 0;
    while (this.stack.poll(packet, this.now) || (this.stack.nextDeadline() === this.now && polls++ < 1_000)) {
      // The stack was busy with packets to itself, and there are more of them.
      if (packet.n === 0) continue;
      if (out.length > 4000) throw new Error("one event draws output without end");
      const bytes = new Uint8Array(packet.total());
      let at = 0;
      const put = (o: number, n: number) => {
        bytes.set(this.stack.slab.u8.subarray(o, o + n), at);
        at += n;
      };
      put(packet.o, packet.n);
      for (let i = 0; i < packet.slices; i++) put(packet.sliceO[i]!, packet.sliceN[i]!);
      if (packet.gso === 0 && bytes.length > this.stack.mtu)
        throw new Error(`${bytes.length} octets do not fit the link`);
      if (bytes.length > 65_535) throw new Error(`${bytes.length} octets are no IP packet`);
      if (packet.gso !== 0 && !this.setting.offload) throw new Error("a super-segment for a device that takes none");
      out.push({ bytes, gso: packet.gso, size: packet.gsoSize, csum: packet.csum, start: packet.csumStart });
    }
    return out;
  }

  #events(): void {
    for (let turns = 0; ; turns++) {
      const who = this.stack.nextEvent();
      if (who === undefined) break;
      if (turns > 1000) throw new Error("events without end");
      if (who instanceof Tcb) who.events = 0;
    }
    while (this.stack.datagrams.nextEvent() !== undefined || this.stack.echo.nextEvent() !== undefined);
  }
}

/** Runs the steps from the beginning. Returns what went wrong, or null. */
export function replay(setting: Setting, steps: readonly Step[], far = false): string | null {
  try {
    const target = new Target(setting, far);
    for (const step of steps) target.take(step);
    target.finish();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

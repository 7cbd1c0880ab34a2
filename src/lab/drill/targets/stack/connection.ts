import type { Stack } from "#stack/stack";
import { flush, markUrgent } from "#tcp/machine/calls";
import { stopCopying } from "#tcp/send/pieces";
import { memory, roomInPiece } from "#tcp/send/send-buffer";
import { ECONNRESET, errorName, OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import { endRecord } from "#tcp/words/record-ends";
import { diff, gt } from "#tcp/words/seq";
import { CLOSE_WAIT, CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT, stateName } from "#tcp/words/state";
import { T_DELAYED_ACK, type Tcb } from "#tcp/words/tcb";
import type {
  MachineSocket,
  Profile,
  SendFlags,
  SettingValue,
  StateName,
  TargetConnection,
} from "../../posix/target.ts";
import { tcpInfo } from "./info.ts";
import { freeBsdInfo } from "./info-freebsd.ts";
import { optionOf, optionParams } from "./settings.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** A connection of the real stack, in the socket API's terms. */
export class StackConnection implements TargetConnection {
  /** The script has a descriptor for it. */
  held = true;
  /** A packet of the peer carried an ECN codepoint. */
  ecnSeen = false;
  readonly #flush: (now: number) => void;
  readonly #stack: Stack;
  readonly #tcb: Tcb;
  readonly #profile: Profile;
  #errorTaken = false;
  #softTaken = 0;
  #corked = false;
  #early = 0;

  /** @param flush takes from the stack what it has to send. */
  constructor(stack: Stack, tcb: Tcb, profile: Profile, flush: (now: number) => void) {
    this.#flush = flush;
    this.#stack = stack;
    this.#tcb = tcb;
    this.#profile = profile;
  }

  get localPort(): number {
    return this.#tcb.localPort;
  }

  get remotePort(): number {
    return this.#tcb.remotePort;
  }

  state(): StateName {
    return stateName(this.#tcb.state);
  }

  /** As a list of sockets has it. */
  summary(): MachineSocket {
    const { localPort, remotePort } = this;
    return { state: this.state(), localPort, remotePort, receiveQueue: this.readable(), sendQueue: 0 };
  }

  send(bytes: Uint8Array, flags: SendFlags, now: number): number {
    this.#tcb.snd.more = flags.more;
    const taken = this.#fill(bytes, now);
    if (flags.urgent && taken === bytes.length) markUrgent(this.#tcb);
    if (flags.endOfRecord && taken === bytes.length) endRecord(this.#tcb);
    this.#stack.touch(this.#tcb);
    return taken;
  }

  #put(bytes: Uint8Array, from: number, n: number, now: number): number {
    return Math.max(0, this.#stack.send(this.#tcb, bytes, from, n, now));
  }

  /** Piece by piece: what goes while one is filled makes room in it, and whether another may begin is asked then. */
  #fill(bytes: Uint8Array, now: number): number {
    let taken = 0;
    for (let room = 1; taken < bytes.length && room > 0; ) {
      room = Math.min(roomInPiece(this.#tcb), bytes.length - taken);
      this.#tcb.output.goesOn = taken + room < bytes.length;
      const put = room > 0 ? this.#put(bytes, taken, room, now) : 0;
      taken += put;
      if (put < room) break;
      if (this.#tcb.output.goesOn && room > 0) this.#flush(now);
    }
    if (this.#tcb.output.goesOn && taken > 0) stopCopying(this.#tcb);
    this.#tcb.output.goesOn = false;
    return taken;
  }

  /** Queues what the SYN has room for: it goes at the next poll. */
  sendEarly(bytes: Uint8Array, room: number, now: number): void {
    this.#early = Math.max(0, this.#stack.send(this.#tcb, bytes, 0, Math.min(bytes.length, room), now));
  }

  early(): number {
    return this.#early;
  }

  opensFast(): boolean {
    return this.#tcb.fast.early;
  }

  /** Linux calls it writable while a third of the buffer is free, and less than half of the low-water mark is unsent. */
  writable(): boolean {
    const { params } = this.#tcb;
    const queued = memory(this.#tcb);
    const low = params.notSentLowWater > 0 ? params.notSentLowWater : NEVER;
    return params.sendBuffer - queued >= queued / 2 && 2 * this.unsent() < low;
  }

  receive(into: Uint8Array, peek: boolean): number {
    if (!peek) return this.#stack.receive(this.#tcb, into, 0, into.length);
    const n = Math.min(into.length, this.readable());
    this.#tcb.receiveQueue.read(0, into, 0, n);
    return n;
  }

  readable(): number {
    return this.#tcb.rcv.unread;
  }

  unacknowledged(): number {
    const { snd, state } = this.#tcb;
    if (state & (SYN_SENT | SYN_RECEIVED)) return snd.queued;
    const finAcknowledged = snd.finSent && this.#tcb.outstanding() === 0;
    return snd.queued + Number(snd.fin && !finAcknowledged);
  }

  unsent(): number {
    const { snd, state, fast } = this.#tcb;
    if (state & (SYN_SENT | SYN_RECEIVED) && !fast.early) return snd.queued - fast.sent;
    return Math.max(0, snd.queued + Number(snd.finSent) - this.#tcb.outstanding());
  }

  finished(): boolean {
    const { rcv } = this.#tcb;
    return rcv.finSeen && gt(rcv.nxt, rcv.fin);
  }

  awaitsWriter(): void {
    this.#tcb.writerWaits = true;
  }

  urgentAt(): number | undefined {
    const { rcv } = this.#tcb;
    return rcv.urgent ? diff(rcv.up, (rcv.nxt - rcv.unread) | 0) - 1 : undefined;
  }

  error(): string | undefined {
    const { error, snd } = this.#tcb;
    if (error === OK || this.#errorTaken) return undefined;
    return this.#profile === "linux" && error === ECONNRESET && this.finished() && !snd.fin
      ? "EPIPE"
      : errorName(error);
  }

  takeError(): string | undefined {
    const error = this.error();
    if (error) this.#errorTaken = true;
    return error;
  }

  takeSoftError(): string | undefined {
    const { softError } = this.#tcb;
    if (softError === 0 || softError === this.#softTaken) return undefined;
    this.#softTaken = softError;
    return errorName(softError);
  }

  /** A direction that nobody reads is still received: what Linux does after SHUT_RD. */
  shutdownRead(): void {}

  shutdownWrite(now: number): void {
    this.#stack.closeSend(this.#tcb, now);
  }

  close(now: number): void {
    this.held = false;
    this.#stack.close(this.#tcb, now);
    this.#stack.release(this.#tcb);
  }

  abort(now: number): void {
    this.held = false;
    this.#stack.abort(this.#tcb, now);
    this.#stack.release(this.#tcb);
  }

  setOption(name: string, value: SettingValue, now: number): boolean {
    let params = optionParams(name, value, this.#profile);
    if (!params) return false;
    // 0 is what the system has.
    if (name === "TCP_NOTSENT_LOWAT" && value === 0) params = { notSentLowWater: this.#stack.params.notSentLowWater };
    this.#stack.setParams(this.#tcb, params, now);
    if (name === "TCP_CORK" || name === "TCP_NOPUSH") {
      this.#corked = value !== 0;
      this.#tcb.snd.cork = this.#corked;
      this.#tcb.snd.more = false;
      if (!this.#corked) flush(this.#tcb, this.#tcb.params.nagle === "off");
    }
    if (name === "TCP_NODELAY" && value !== 0) this.#tcb.snd.more = false;
    if (name === "TCP_QUICKACK") this.#quickAck(value !== 0);
    this.#stack.touch(this.#tcb);
    return true;
  }

  /** Linux: 0 behaves as an interactive user until the delayed-ACK timer fires; 1 ends that, and lets go what waits if all was read. */
  #quickAck(on: boolean): void {
    const tcb = this.#tcb;
    const { rcv } = tcb;
    tcb.interactive = !on;
    const due = rcv.unread === 0 || ((rcv.nxt - rcv.acked) | 0) > rcv.mss;
    if (on && due && tcb.state & (ESTABLISHED | CLOSE_WAIT) && tcb.timers[T_DELAYED_ACK] !== NEVER)
      tcb.ackNow = M.TX_ACK_QUICK;
  }

  option(name: string): SettingValue | undefined {
    const { params, snd, state } = this.#tcb;
    const values: Readonly<Record<string, () => SettingValue>> = {
      TCP_MAXSEG: () =>
        state & (CLOSED | SYN_SENT) ? params.mss || 536 : this.#profile === "freebsd" ? snd.mssBase : snd.mss,
      TCP_NODELAY: () => Number(params.nagle === "off"),
      TCP_CORK: () => Number(this.#corked),
      TCP_NOPUSH: () => Number(this.#corked),
      TCP_QUICKACK: () => Number(!this.#tcb.interactive),
      TCP_CONGESTION: () => (this.#tcb.congestion.name === "newreno" ? "reno" : this.#tcb.congestion.name),
      SO_SNDBUF: () => params.sendBuffer,
      IP_MTU: () => this.info(0).tcpi_pmtu!,
      IPV6_MTU: () => this.info(0).tcpi_pmtu!,
    };
    if (name === "SO_KEEPALIVE" && this.#profile === "freebsd") return undefined;
    return values[name]?.() ?? optionOf(name, params);
  }

  info(now: number): Readonly<Record<string, number>> {
    if (this.#profile === "freebsd") return freeBsdInfo(this.#stack, this.#tcb, now);
    return tcpInfo(this.#stack, this.#tcb, this.ecnSeen, now);
  }
}

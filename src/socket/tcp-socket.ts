import { CallError } from "#stack/call-error";
import type { Stack } from "#stack/stack";
import { markUrgent, sendRoom, urgentLeft } from "#tcp/machine/calls";
import type { TcpInfo } from "#tcp/machine/info";
import { OK } from "#tcp/words/error";
import { CLOSED, FIN_WAIT_2, MAY_RECEIVE, SYN_RECEIVED, SYN_SENT, stateName, TIME_WAIT } from "#tcp/words/state";
import { EVENT_OPENED, EVENT_REMOTE_CLOSED, EVENT_SOFT_ERROR, EVENT_URGENT, type Tcb } from "#tcp/words/tcb";
import { checkBytes } from "./arguments.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { endpointOf, endpointText } from "./endpoint.ts";
import { readableOf, type Sink, type Source, writableOf } from "./streams.ts";
import type { Endpoint, Host, Socket, SocketInfo } from "./types.ts";
import { doubt, endError } from "./words.ts";

/** What all sockets of a stack share. */
export interface Floor {
  readonly engine: Stack;
  readonly host: Host;
  /** The slab had no page left for what this socket wrote: `onEvents` is called when there may be one again. */
  starve(socket: TcpSocket): void;
  /** Pages may have become free. */
  feed(): void;
  /** A listener was closed. */
  forget(listener: object): void;
}

/**
 * One connection above its TCB. The engine says by bits, once per turn, that something happened; whoever waits here is woken
 * by what the TCB then shows, so a bit too many does no harm.
 */
export class TcpSocket implements Socket, Source, Sink {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly remoteAddress: string;
  readonly localAddress: string;
  softError: ConnectionError | null = null;
  onSoftError: ((error: ConnectionError) => void) | null = null;
  onUrgent: ((left: number) => void) | null = null;

  readonly #floor: Floor;
  readonly #tcb: Tcb;
  readonly #allowHalfOpen: boolean;
  readonly #course: { readonly remote: string; readonly begun: number; opened: boolean; closing: boolean };
  readonly #opened = new Deferred<SocketInfo>();
  readonly #closed = new Deferred<void>();
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #writer: WritableStreamDefaultController | null = null;
  /** Those who wait: for octets, for room in the send buffer, for acknowledgment of everything. */
  #reader: Deferred<number> | null = null;
  #drained: Deferred<void> | null = null;
  #flushed: Deferred<void> | null = null;
  /** Why it ended, once it did, and not orderly. */
  #error: ConnectionError | null = null;
  #abortReason: unknown;
  /** No more is written: the FIN was sent, or is to be. */
  #finished = false;
  /** No more is read. */
  #deaf = false;
  #over = false;
  #released = false;

  /** @param tcb held by us from now on. */
  constructor(floor: Floor, tcb: Tcb, allowHalfOpen: boolean) {
    this.#floor = floor;
    this.#tcb = tcb;
    this.#allowHalfOpen = allowHalfOpen;
    this.remote = endpointOf(tcb.remote, tcb.remotePort);
    this.local = endpointOf(tcb.local, tcb.localPort);
    this.remoteAddress = endpointText(this.remote);
    this.localAddress = endpointText(this.local);
    this.#course = { remote: this.remoteAddress, begun: floor.host.now(), opened: false, closing: false };
    tcb.user = this;
    // What an accepted connection has seen already is told to nobody else.
    if (tcb.events !== 0) this.onEvents();
  }

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get readable(): ReadableStream<Uint8Array> {
    return (this.#readable ??= readableOf(this));
  }

  get writable(): WritableStream<Uint8Array> {
    return (this.#writable ??= writableOf(this, (controller) => {
      this.#writer = controller;
      if (this.#error !== null) controller.error(this.#error);
    }));
  }

  get state(): TcpInfo["state"] {
    return stateName(this.#tcb.state);
  }

  get id(): number {
    return this.#tcb.id;
  }

  info(): TcpInfo {
    return this.#floor.engine.info(this.#tcb);
  }

  // --- Reading -----------------------------------------------------------------------------------------------------

  read(into: Uint8Array): number | Promise<number> {
    checkBytes("what read fills", into);
    if (into.length === 0)
      throw new RangeError("the buffer for a read is empty: 0 octets would mean the end of the stream");
    if (this.#readable?.locked) throw new CallError("EALREADY", "the connection is being read as a stream");
    const n = this.available();
    if (typeof n === "number") return n === 0 ? 0 : this.take(into);
    return n.then((some) => (some === 0 ? 0 : this.take(into)));
  }

  available(): number | Promise<number> {
    const n = this.#tcb.rcv.unread;
    if (n > 0 && !this.#deaf) return n;
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#atEnd()) return 0;
    if (this.#reader !== null) throw new CallError("EALREADY", "another read of this connection is still waiting");
    this.#reader = new Deferred();
    return this.#reader.promise;
  }

  take(into: Uint8Array): number {
    const n = this.#floor.engine.receive(this.#tcb, into, 0, into.length);
    this.#afterReading();
    return n;
  }

  stopReading(): void {
    if (this.#deaf) return;
    this.#deaf = true;
    this.#discard();
    if (this.#finished) this.#closeBoth();
    this.onEvents();
  }

  // --- Writing -----------------------------------------------------------------------------------------------------

  write(bytes: Uint8Array, from = 0, n = bytes?.length - from): number {
    checkBytes("what is written", bytes);
    if (!(from >= 0 && n >= 0 && from + n <= bytes.length)) {
      throw new RangeError(`cannot write octets ${from} to ${from + n}: there are ${bytes.length}`);
    }
    if (this.#writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    return this.put(bytes, from, n);
  }

  put(bytes: Uint8Array, from: number, n: number): number {
    const { engine, host } = this.#floor;
    const tcb = this.#tcb;
    const taken = this.#finished || this.#over ? -1 : engine.send(tcb, bytes, from, n, host.now());
    if (taken < 0) throw this.#writeError();
    if (taken > 0) host.wake();
    if (taken < n && sendRoom(tcb, n - taken) > 0) this.#floor.starve(this);
    return taken;
  }

  drained(): Promise<void> {
    if (this.#finished || this.#over) return Promise.reject(this.#writeError());
    if (this.#hasRoom()) return Promise.resolve();
    this.#drained ??= new Deferred();
    return this.#drained.promise;
  }

  flushed(): Promise<void> {
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#isFlushed()) return Promise.resolve();
    this.#flushed ??= new Deferred();
    return this.#flushed.promise;
  }

  closeWrite(): void {
    if (this.#finished || this.#over) return;
    this.#finished = true;
    // RFC 9293 §3.10.4 would end an attempt here. What was written before shall arrive: the FIN waits for the handshake.
    if (this.#tcb.state !== SYN_SENT) this.#finish();
  }

  markUrgent(): void {
    if (this.#finished || this.#over) throw this.#writeError();
    markUrgent(this.#tcb);
    this.#floor.engine.touch(this.#tcb);
    this.#floor.host.wake();
  }

  // --- Ending ------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#closeBoth();
    this.onEvents();
    return this.#closed.promise.catch(() => {});
  }

  abort(reason?: unknown): void {
    if (!this.#over) this.#abortReason = reason;
    this.#finished = true;
    this.#deaf = true;
    this.#floor.engine.abort(this.#tcb, this.#floor.host.now());
    this.#floor.host.wake();
    this.onEvents();
  }

  /** The stack ends, for `reason`. What an orderly end left unread can still be read; everything else is aborted. */
  drop(reason?: unknown): void {
    if (this.#over) this.#floor.engine.abort(this.#tcb, this.#floor.host.now());
    else this.abort(reason);
  }

  /** Aborts when the signal fires, for as long as the connection lasts. */
  follow(signal: AbortSignal): void {
    const abort = () => this.abort(signal.reason);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    const forget = () => signal.removeEventListener("abort", abort);
    this.closed.then(forget, forget);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- What the engine tells ---------------------------------------------------------------------------------------

  /** Takes the bits, and wakes whoever can go on. */
  onEvents(): void {
    const tcb = this.#tcb;
    const events = tcb.events;
    tcb.events = 0;
    if ((events & EVENT_OPENED) !== 0) this.#open();
    if ((events & EVENT_SOFT_ERROR) !== 0) this.#doubt();
    if ((events & EVENT_URGENT) !== 0) this.#urgent();
    if ((events & EVENT_REMOTE_CLOSED) !== 0 && !this.#allowHalfOpen) this.closeWrite();
    if (this.#deaf) this.#discard();
    if ((tcb.state & (CLOSED | TIME_WAIT)) !== 0) this.#end();
    this.#wakeReader();
    this.#wakeWriters();
    this.#release();
  }

  #open(): void {
    const tcb = this.#tcb;
    this.#course.opened = true;
    this.#opened.resolve({
      remoteAddress: this.remoteAddress,
      localAddress: this.localAddress,
      mss: tcb.snd.mss,
      sack: tcb.sackOk,
      timestamps: tcb.timestampsOk,
      wscale: tcb.windowScaleOk ? { send: tcb.snd.shift, receive: tcb.rcv.shift } : null,
      rtt: Math.max(0, Math.round(tcb.srtt)),
      synData: tcb.fast.taken,
    });
    if (this.#finished) this.#finish();
  }

  #doubt(): void {
    const error = doubt(this.#tcb, this.#course, this.#floor.host.now());
    this.softError = error;
    // What the listeners throw is theirs: it must not end the engine's turn.
    queueMicrotask(() => this.onSoftError?.(error));
  }

  #urgent(): void {
    const left = urgentLeft(this.#tcb);
    if (left > 0) queueMicrotask(() => this.onUrgent?.(left));
  }

  /** The connection is over. In TIME-WAIT only the stack still has something to do. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    const tcb = this.#tcb;
    if (tcb.error !== OK) {
      const reason = this.#abortReason;
      this.#error =
        reason instanceof ConnectionError ? reason : endError(tcb, this.#course, this.#floor.host.now(), reason);
      this.#closed.reject(this.#error);
      this.#opened.reject(this.#error);
      this.#writer?.error(this.#error);
    } else {
      this.#closed.resolve();
      const early = `the connection to ${this.remoteAddress} was closed before it was open`;
      if (!this.#course.opened) this.#opened.reject(new ConnectionError("ECONNABORTED", early));
      if (!this.#finished) this.#writer?.error(this.#writeError());
    }
  }

  #wakeReader(): void {
    const reader = this.#reader;
    if (reader === null) return;
    const n = this.#tcb.rcv.unread;
    if (n > 0) reader.resolve(n);
    else if (this.#error !== null) reader.reject(this.#error);
    else if (this.#atEnd()) reader.resolve(0);
    else return;
    this.#reader = null;
  }

  #wakeWriters(): void {
    if (this.#drained !== null && (this.#over || this.#hasRoom())) {
      if (this.#over) this.#drained.reject(this.#writeError());
      else this.#drained.resolve();
      this.#drained = null;
    }
    if (this.#flushed !== null && (this.#error !== null || this.#isFlushed())) {
      if (this.#error !== null) this.#flushed.reject(this.#error);
      else this.#flushed.resolve();
      this.#flushed = null;
    }
  }

  /** Over and read to the end: the stack need not keep anything for us. */
  #release(): void {
    if (!this.#over || this.#released || this.#tcb.rcv.unread > 0) return;
    this.#released = true;
    this.#floor.engine.release(this.#tcb);
  }

  // --- Parts -------------------------------------------------------------------------------------------------------

  /** Nothing will come any more. */
  #atEnd(): boolean {
    return this.#deaf || (this.#tcb.state & (SYN_SENT | SYN_RECEIVED | MAY_RECEIVE)) === 0;
  }

  /** A quarter of the buffer at least: whoever waits is not woken for every acknowledgment's few octets. */
  #hasRoom(): boolean {
    const { snd, params } = this.#tcb;
    return snd.queued <= 0.75 * params.sendBuffer && this.#floor.engine.slab.available > 0;
  }

  #isFlushed(): boolean {
    const { snd, state } = this.#tcb;
    return snd.queued === 0 && (!this.#finished || (state & (FIN_WAIT_2 | TIME_WAIT | CLOSED)) !== 0);
  }

  #discard(): void {
    const { rcv } = this.#tcb;
    if (rcv.unread === 0) return;
    this.#floor.engine.discard(this.#tcb, rcv.unread);
    this.#afterReading();
  }

  /** The window may have opened, pages may be free. */
  #afterReading(): void {
    if (this.#tcb.inOutput) this.#floor.host.wake();
    this.#floor.feed();
    this.#release();
  }

  #finish(): void {
    if (this.#deaf) this.#closeBoth();
    else this.#floor.engine.closeSend(this.#tcb, this.#floor.host.now());
    this.#floor.host.wake();
  }

  #closeBoth(): void {
    const course = this.#course;
    if (course.closing) return;
    course.closing = true;
    this.#finished = true;
    this.#floor.engine.close(this.#tcb, this.#floor.host.now());
    this.#floor.host.wake();
    this.#deaf = true;
  }

  #writeError(): ConnectionError {
    if (this.#error !== null) return this.#error;
    const why = this.#finished ? "this side has closed its direction" : "the connection is over";
    return new ConnectionError("EPIPE", `cannot write to ${this.remoteAddress}: ${why}`);
  }
}

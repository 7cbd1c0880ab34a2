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
import type { Endpoint, Host, Socket, SocketHandlers, SocketInfo } from "./types.ts";
import { type Course, doubt, endError } from "./words.ts";

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

/** What only some connections are asked for: promises, streams, callbacks. Made with the first of them. */
class Extras {
  opened: Deferred<SocketInfo> | null = null;
  closed: Deferred<void> | null = null;
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  writer: WritableStreamDefaultController | null = null;
  /** Those who wait: for octets, for room in the send buffer, for acknowledgment of everything. */
  reader: Deferred<number> | null = null;
  drained: Deferred<void> | null = null;
  flushed: Deferred<void> | null = null;
  softError: ConnectionError | null = null;
  onSoftError: ((error: ConnectionError) => void) | null = null;
  onUrgent: ((left: number) => void) | null = null;
}

/**
 * One connection above its TCB. The engine says by bits, once per turn, that something happened; whoever waits here is woken
 * by what the TCB then shows, so a bit too many does no harm. Handlers are the fast way: promises and streams are made
 * when somebody asks for them.
 */
export class TcpSocket implements Socket, Source, Sink {
  data: unknown = undefined;

  readonly #floor: Floor;
  readonly #tcb: Tcb;
  readonly #handlers: SocketHandlers | null;
  /** When the OPEN was called, and how long the handshake took, µs. */
  readonly #begun: number;
  #handshake = 0;
  #extras: Extras | null = null;
  /** Why it ended, once it did, and not orderly; and what whoever aborted it gave as the reason. */
  #error: ConnectionError | null = null;
  #abortReason: unknown = undefined;
  readonly #allowHalfOpen: boolean;
  #isOpen = false;
  /** CLOSE of both directions was called. */
  #closing = false;
  /** No more is written: the FIN was sent, or is to be. */
  #finished = false;
  /** No more is read. */
  #deaf = false;
  #over = false;
  #released = false;
  // What the handlers want, and what they were told.
  #paused = false;
  /** The data handler left something: it comes again when there is room, or after `resume`. */
  #holds = false;
  #wantsRoom = false;
  #toldOpen = false;
  #toldEnd = false;
  #toldClose = false;
  /** A handler is running: what it does is told after it, not within it. */
  #isTelling = false;

  /** @param tcb held by us from now on. */
  constructor(floor: Floor, tcb: Tcb, allowHalfOpen: boolean, handlers: SocketHandlers | null = null) {
    this.#floor = floor;
    this.#tcb = tcb;
    this.#allowHalfOpen = allowHalfOpen;
    this.#handlers = handlers;
    this.#begun = floor.host.now();
    tcb.user = this;
    // What an accepted connection has seen already is told to nobody else.
    if (tcb.events !== 0) this.onEvents();
  }

  get remote(): Endpoint {
    return endpointOf(this.#tcb.remote, this.#tcb.remotePort);
  }

  get local(): Endpoint {
    return endpointOf(this.#tcb.local, this.#tcb.localPort);
  }

  get remoteAddress(): string {
    return endpointText(this.remote);
  }

  get localAddress(): string {
    return endpointText(this.local);
  }

  get softError(): ConnectionError | null {
    return this.#extras?.softError ?? null;
  }

  get onSoftError(): ((error: ConnectionError) => void) | null {
    return this.#extras?.onSoftError ?? null;
  }

  set onSoftError(call: ((error: ConnectionError) => void) | null) {
    this.#ask.onSoftError = call;
  }

  get onUrgent(): ((left: number) => void) | null {
    return this.#extras?.onUrgent ?? null;
  }

  set onUrgent(call: ((left: number) => void) | null) {
    this.#ask.onUrgent = call;
  }

  get opened(): Promise<SocketInfo> {
    const extras = this.#ask;
    if (extras.opened === null) {
      extras.opened = new Deferred();
      this.#settleOpened(extras.opened);
    }
    return extras.opened.promise;
  }

  get closed(): Promise<void> {
    const extras = this.#ask;
    if (extras.closed === null) {
      extras.closed = new Deferred();
      if (this.#over) this.#settleClosed(extras.closed);
    }
    return extras.closed.promise;
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#refuseHandlers("reading");
    return (this.#ask.readable ??= readableOf(this));
  }

  get writable(): WritableStream<Uint8Array> {
    const extras = this.#ask;
    extras.writable ??= writableOf(this, (controller) => {
      extras.writer = controller;
      if (this.#error !== null) controller.error(this.#error);
    });
    return extras.writable;
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
    this.#refuseHandlers("reading");
    if (this.#extras?.readable?.locked) throw new CallError("EALREADY", "the connection is being read as a stream");
    const n = this.available();
    if (typeof n === "number") return n === 0 ? 0 : this.take(into);
    return n.then((some) => (some === 0 ? 0 : this.take(into)));
  }

  available(): number | Promise<number> {
    const n = this.#tcb.rcv.unread;
    if (n > 0 && !this.#deaf) return n;
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#atEnd()) return 0;
    const extras = this.#ask;
    if (extras.reader !== null) throw new CallError("EALREADY", "another read of this connection is still waiting");
    extras.reader = new Deferred();
    return extras.reader.promise;
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
    if (this.#extras?.writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    return this.put(bytes, from, n);
  }

  put(bytes: Uint8Array, from: number, n: number): number {
    const { engine, host } = this.#floor;
    const tcb = this.#tcb;
    const taken = this.#finished || this.#over ? -1 : engine.send(tcb, bytes, from, n, host.now());
    if (taken < 0) throw this.#writeError();
    if (taken > 0) host.wake();
    if (taken < n) this.#wantsRoom = true;
    if (taken < n && sendRoom(tcb, n - taken) > 0) this.#floor.starve(this);
    return taken;
  }

  drained(): Promise<void> {
    if (this.#finished || this.#over) return Promise.reject(this.#writeError());
    if (this.#hasRoom()) return Promise.resolve();
    return (this.#ask.drained ??= new Deferred()).promise;
  }

  flushed(): Promise<void> {
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#isFlushed()) return Promise.resolve();
    return (this.#ask.flushed ??= new Deferred()).promise;
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
    return this.closed.catch(() => {});
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

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused && !this.#holds) return;
    this.#paused = false;
    this.#holds = false;
    this.onEvents();
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
    if (this.#handlers !== null) this.#tell(this.#handlers);
    if (this.#extras !== null) {
      this.#wakeReader(this.#extras);
      this.#wakeWriters(this.#extras);
    }
    this.#release();
  }

  #open(): void {
    this.#isOpen = true;
    this.#handshake = Math.max(0, Math.round(this.#tcb.srtt));
    if (this.#extras?.opened) this.#settleOpened(this.#extras.opened);
    if (this.#finished) this.#finish();
  }

  /** What the handshake agreed on. */
  #agreed(): SocketInfo {
    const tcb = this.#tcb;
    return {
      remoteAddress: this.remoteAddress,
      localAddress: this.localAddress,
      mss: tcb.snd.mss,
      sack: tcb.sackOk,
      timestamps: tcb.timestampsOk,
      wscale: tcb.windowScaleOk ? { send: tcb.snd.shift, receive: tcb.rcv.shift } : null,
      rtt: this.#handshake,
      synData: tcb.fast.taken,
    };
  }

  #settleOpened(opened: Deferred<SocketInfo>): void {
    if (this.#isOpen) opened.resolve(this.#agreed());
    else if (this.#error !== null) opened.reject(this.#error);
    else if (this.#over) {
      const early = `the connection to ${this.remoteAddress} was closed before it was open`;
      opened.reject(new ConnectionError("ECONNABORTED", early));
    }
  }

  #settleClosed(closed: Deferred<void>): void {
    if (this.#error !== null) closed.reject(this.#error);
    else closed.resolve();
  }

  #doubt(): void {
    const error = doubt(this.#tcb, this.#course(), this.#floor.host.now());
    this.#ask.softError = error;
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
        reason instanceof ConnectionError ? reason : endError(tcb, this.#course(), this.#floor.host.now(), reason);
    }
    const extras = this.#extras;
    if (extras === null) return;
    if (extras.closed !== null) this.#settleClosed(extras.closed);
    if (extras.opened !== null) this.#settleOpened(extras.opened);
    if (this.#error !== null) extras.writer?.error(this.#error);
    else if (!this.#finished) extras.writer?.error(this.#writeError());
  }

  /** Calls the handlers for what the connection shows now. What one of them throws is told after the engine's turn. */
  #tell(handlers: SocketHandlers): void {
    if (this.#isTelling || this.#toldClose) return;
    this.#isTelling = true;
    try {
      if (this.#isOpen && !this.#toldOpen) {
        this.#toldOpen = true;
        handlers.open?.(this);
      }
      if (handlers.data !== undefined) this.#giveData(handlers.data);
      if (this.#wantsRoom && !this.#over && !this.#finished && this.#hasRoom()) {
        this.#wantsRoom = false;
        this.#holds = false;
        handlers.drain?.(this);
        if (handlers.data !== undefined) this.#giveData(handlers.data);
      }
      if (this.#isOpen && !this.#toldEnd && this.#tcb.rcv.unread === 0 && this.#error === null && this.#atEnd()) {
        this.#toldEnd = true;
        if (!this.#deaf) handlers.end?.(this);
      }
      if (this.#over && (this.#error !== null || this.#tcb.rcv.unread === 0 || this.#deaf)) {
        this.#toldClose = true;
        handlers.close?.(this, this.#error);
      }
    } catch (error) {
      this.#thrown(handlers, error);
    } finally {
      this.#isTelling = false;
    }
  }

  /** It is the application's: it must end neither the engine's turn nor what the other connections are told. */
  #thrown(handlers: SocketHandlers, error: unknown): void {
    queueMicrotask(() => {
      if (handlers.error === undefined) throw error;
      handlers.error(this, error);
    });
  }

  #giveData(take: NonNullable<SocketHandlers["data"]>): void {
    const { engine } = this.#floor;
    const { rcv } = this.#tcb;
    while (rcv.unread > 0 && !this.#paused && !this.#holds && !this.#deaf) {
      const view = engine.unread(this.#tcb);
      const n = view.length;
      // What a handler throws on is gone: it would throw on it again.
      let taken = n;
      try {
        taken = take(this, view) ?? n;
      } finally {
        if (taken > 0 && !this.#deaf) {
          engine.discard(this.#tcb, Math.min(taken, n));
          this.#afterReading();
        }
      }
      if (taken < n) this.#holds = true;
    }
  }

  #wakeReader(extras: Extras): void {
    const { reader } = extras;
    if (reader === null) return;
    const n = this.#tcb.rcv.unread;
    if (n > 0) reader.resolve(n);
    else if (this.#error !== null) reader.reject(this.#error);
    else if (this.#atEnd()) reader.resolve(0);
    else return;
    extras.reader = null;
  }

  #wakeWriters(extras: Extras): void {
    const { drained, flushed } = extras;
    if (drained !== null && (this.#over || this.#hasRoom())) {
      if (this.#over) drained.reject(this.#writeError());
      else drained.resolve();
      extras.drained = null;
    }
    if (flushed !== null && (this.#error !== null || this.#isFlushed())) {
      if (this.#error !== null) flushed.reject(this.#error);
      else flushed.resolve();
      extras.flushed = null;
    }
  }

  /** Over and read to the end: the stack need not keep anything for us. */
  #release(): void {
    if (!this.#over || this.#released || this.#tcb.rcv.unread > 0) return;
    this.#released = true;
    this.#floor.engine.release(this.#tcb);
  }

  // --- Parts -------------------------------------------------------------------------------------------------------

  get #ask(): Extras {
    return (this.#extras ??= new Extras());
  }

  #course(): Course {
    return { remote: this.remoteAddress, begun: this.#begun, opened: this.#isOpen, closing: this.#closing };
  }

  #refuseHandlers(what: string): void {
    if (this.#handlers?.data === undefined) return;
    throw new CallError("EALREADY", `${what} is the data handler's: this connection was given one`);
  }

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
    if (this.#closing) return;
    this.#closing = true;
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

/** All calls of a socket stand here, so the file is longer than others: the parts of what they do are in files of their own. */
import { NO_PAGE } from "#base/slab";
import { CallError } from "#stack/call-error";
import { isDue, own, queued, readable, roundTrip, takeEvents, urgentLeft } from "#stack/connection";
import type { TcpInfo } from "#tcp/machine/info";
import { Dormant, type Sleeper } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import { CLOSED, FIN_WAIT_2, MAY_RECEIVE, SYN_RECEIVED, SYN_SENT, stateName, TIME_WAIT } from "#tcp/words/state";
import { EVENT_OPENED, EVENT_REMOTE_CLOSED, EVENT_SOFT_ERROR, EVENT_URGENT, type Tcb } from "#tcp/words/tcb";
import { agreedOn } from "./agreed-on.ts";
import { checkChanges, checkFill, checkFilled, sendFlags } from "./arguments.ts";
import { checkBytes, whole } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { endpointOf, endpointText } from "./endpoint.ts";
import { HandlerCalls, VIEWED_FROM } from "./handler-calls.ts";
import { paramsOf } from "./options.ts";
import { bytesOf, checkShared, placeIn, type SharedBytes } from "./shared-bytes.ts";
import type { Shown } from "./shown.ts";
import type { SocketContext } from "./socket-context.ts";
import { SocketTimers, type Timed } from "./socket-timers.ts";
import { startTls } from "./start-tls.ts";
import { readableOf, type Sink, type Source, writableOf } from "./streams.ts";
import type { TlsOptions, TlsSocket } from "./tls-types.ts";
import { type Traits, traitsOf } from "./traits.ts";
import type { ChangeableOptions, Endpoint, SocketInfo, WriteOptions } from "./types.ts";
import { Waiting } from "./waiting.ts";
import { type ConnectionHistory, doubt, endError } from "./words.ts";

/**
 * One connection on top of its TCB. Once per turn the engine reports event bits, and the waiting promises look at the TCB's
 * state, so a needless bit does no harm. Handlers are faster than promises and streams, which are made only when they are
 * used.
 */
export class TcpSocket implements Shown, Source, Sink, Sleeper, Timed {
  data: unknown = undefined;

  readonly #context: SocketContext;
  /** Its TCB, or what stands for it while it sleeps. */
  #connection: Tcb | Dormant;
  /** What it does by itself; shared with the other connections of its listener. */
  #traits: Traits;
  #timers: SocketTimers | null = null;
  /** When the OPEN was called, and how long the handshake took, µs. */
  readonly #begun: number;
  #handshake = 0;
  readonly #calls: HandlerCalls | null;
  #waiting: Waiting | null = null;
  isOpen = false;
  isOver = false;
  isReadClosed = false;
  isFinished = false;
  failure: ConnectionError | null = null;
  /** The reason passed to `abort`. */
  #abortReason: unknown = undefined;
  /** CLOSE of both directions was called. */
  #closing = false;
  #released = false;

  /** @param tcb owned by the socket from now on */
  constructor(context: SocketContext, tcb: Tcb, traits: Traits) {
    this.#context = context;
    this.#connection = tcb;
    this.#traits = traits;
    this.#calls = traits.handlers === null ? null : new HandlerCalls(traits.handlers);
    this.#begun = context.host.now();
    own(tcb, this);
    this.#setTaking();
    if (traits.idleTimeout > 0) this.#clock.watchIdleness(traits.idleTimeout);
    // An accepted connection may have events from before it was accepted.
    if (tcb.events !== 0) this.onEvents();
  }

  get remote(): Endpoint {
    return endpointOf(this.#connection.remote, this.#connection.remotePort);
  }

  get local(): Endpoint {
    return endpointOf(this.#connection.local, this.#connection.localPort);
  }

  get remoteAddress(): string {
    return endpointText(this.remote);
  }

  get localAddress(): string {
    return endpointText(this.local);
  }

  get agreed(): SocketInfo | null {
    return this.isOpen ? agreedOn(this.info(), this.remoteAddress, this.localAddress, this.#handshake) : null;
  }

  get softError(): ConnectionError | null {
    return this.#waiting?.softError ?? null;
  }

  get onSoftError(): ((error: ConnectionError) => void) | null {
    return this.#waiting?.onSoftError ?? null;
  }

  set onSoftError(call: ((error: ConnectionError) => void) | null) {
    this.#ask.onSoftError = call;
  }

  get onUrgent(): ((left: number) => void) | null {
    return this.#waiting?.onUrgent ?? null;
  }

  set onUrgent(call: ((left: number) => void) | null) {
    this.#ask.onUrgent = call;
  }

  get opened(): Promise<SocketInfo> {
    const waiting = this.#ask;
    if (waiting.opened === null) {
      waiting.opened = new Deferred();
      waiting.settleOpened(this);
    }
    return waiting.opened.promise;
  }

  get closed(): Promise<void> {
    const waiting = this.#ask;
    if (waiting.closed === null) {
      waiting.closed = new Deferred();
      waiting.settleClosed(this);
    }
    return waiting.closed.promise;
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#refuseHandlers("reading");
    return (this.#ask.readable ??= readableOf(this));
  }

  get writable(): WritableStream<Uint8Array> {
    const waiting = this.#ask;
    waiting.writable ??= writableOf(this, (controller) => {
      waiting.writer = controller;
      if (this.failure !== null) controller.error(this.failure);
    });
    return waiting.writable;
  }

  get state(): TcpInfo["state"] {
    return stateName(this.#context.engine.state(this.#tcb));
  }

  get id(): number {
    return this.#connection.id;
  }

  info(): TcpInfo {
    return this.#context.engine.info(this.#tcb);
  }

  // --- Reading -----------------------------------------------------------------------------------------------------

  read(into: Uint8Array): number | Promise<number> {
    checkBytes("the argument of read", into);
    if (into.length === 0)
      throw new RangeError("the buffer for a read is empty, and 0 octets would mean the end of the stream");
    this.#refuseHandlers("reading");
    if (this.#waiting?.readable?.locked) throw new CallError("EALREADY", "the connection is being read as a stream");
    return this.fill(into);
  }

  fill(into: Uint8Array): number | Promise<number> {
    const n = this.available(into);
    return typeof n === "number" && n > 0 ? this.take(into) : n;
  }

  available(into: Uint8Array | null = null): number | Promise<number> {
    const n = readable(this.#tcb);
    if (n > 0 && !this.isReadClosed) return n;
    if (this.failure !== null) return Promise.reject(this.failure);
    if (this.atEnd) return 0;
    const waiting = this.#ask;
    if (waiting.reader !== null) throw new CallError("EALREADY", "another read of this connection is still waiting");
    const { promise } = waiting.beginReading(into);
    if (into !== null) this.#setTaking();
    return promise;
  }

  take(into: Uint8Array, from = 0): number {
    const n = this.#context.engine.receive(this.#tcb, into, from, into.length - from);
    this.#afterReading();
    return n;
  }

  stopReading(): void {
    if (this.isReadClosed) return;
    this.isReadClosed = true;
    this.#setTaking();
    this.#discard();
    if (this.isFinished) this.#endBoth();
    this.onEvents();
  }

  // --- Writing -----------------------------------------------------------------------------------------------------

  write(bytes: Uint8Array, from = 0, n = bytes?.length - from, options?: WriteOptions): number {
    checkBytes("the argument of write", bytes);
    if (!(from >= 0 && n >= 0 && from + n <= bytes.length)) {
      throw new RangeError(`cannot write octets ${from} to ${from + n}: there are ${bytes.length}`);
    }
    if (this.#waiting?.writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    return this.put(bytes, from, n, options === undefined ? 0 : sendFlags(options));
  }

  put(bytes: Uint8Array, from: number, n: number, flags = 0): number {
    const { engine, host } = this.#context;
    const tcb = this.#tcb;
    const taken = this.isFinished || this.isOver ? -1 : engine.send(tcb, bytes, from, n, host.now(), flags);
    if (taken < 0) throw this.writeError();
    if (taken > 0) host.wake();
    if (taken < n && this.#calls !== null) this.#calls.wantsRoom = true;
    return taken;
  }

  writeFrom(fill: (room: Uint8Array[]) => number, n: number): number {
    checkFill(fill, n);
    if (this.#waiting?.writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    const { engine, host } = this.#context;
    const tcb = this.#tcb;
    const room = this.isFinished || this.isOver ? -1 : engine.sendSpace(tcb, n);
    if (room === 0 && this.#calls !== null) this.#calls.wantsRoom = true;
    const taken = room <= 0 ? room : engine.sendFrom(tcb, (views) => checkFilled(fill(views)), room, host.now());
    if (taken < 0) throw this.isFinished || this.isOver ? this.writeError() : wroteMeanwhile();
    if (taken > 0) host.wake();
    return taken;
  }

  writeShared(shared: SharedBytes, from = 0, n = shared?.length - from): number {
    checkShared(shared, from, n);
    if (this.#waiting?.writable?.locked) throw new CallError("EALREADY", "the connection is being written as a stream");
    const { engine, host } = this.#context;
    const o = placeIn(shared, engine.slab);
    if (o === NO_PAGE) return this.put(bytesOf(shared), from, n);
    const taken = this.isFinished || this.isOver ? -1 : engine.sendShared(this.#tcb, o + from, n, host.now());
    if (taken < 0) throw this.writeError();
    if (taken > 0) host.wake();
    if (taken < n && this.#calls !== null) this.#calls.wantsRoom = true;
    return taken;
  }

  drained(): Promise<void> {
    if (this.isFinished || this.isOver) return Promise.reject(this.writeError());
    if (this.hasRoom) return Promise.resolve();
    return (this.#ask.drained ??= new Deferred()).promise;
  }

  flushed(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    if (this.isFlushed) return Promise.resolve();
    return (this.#ask.flushed ??= new Deferred()).promise;
  }

  closeWrite(): void {
    if (this.isFinished || this.isOver) return;
    this.isFinished = true;
    // RFC 9293 §3.10.4 would end an attempt here. Written data must arrive, so the FIN waits for the handshake.
    if (this.#tcb.state !== SYN_SENT) this.#finish();
  }

  markUrgent(): void {
    if (this.isFinished || this.isOver) throw this.writeError();
    this.#context.engine.markUrgent(this.#tcb);
    this.#context.host.wake();
  }

  cork(): void {
    this.#corked(true);
  }

  uncork(): void {
    this.#corked(false);
  }

  #corked(on: boolean): void {
    if (this.isFinished || this.isOver) throw this.writeError();
    this.#context.engine.cork(this.#tcb, on, this.#context.host.now());
    this.#context.host.wake();
  }

  quickAck(on: boolean): void {
    this.#context.engine.quickAck(this.#tcb, on);
    this.#context.host.wake();
  }

  setOptions(options: ChangeableOptions): void {
    checkChanges(options);
    const traits = traitsOf(options, this.#traits);
    const params = paramsOf(options);
    if (this.isOver) throw new CallError("ENOTCONN", `the connection to ${this.remoteAddress} is over`);
    const { engine, host } = this.#context;
    engine.setParams(this.#tcb, params, host.now());
    this.#traits = traits;
    if (options.idleTimeout !== undefined) this.#clock.watchIdleness(traits.idleTimeout);
    host.wake();
  }

  startTls(options?: TlsOptions): TlsSocket {
    return startTls(this, options);
  }

  ref(): void {
    if (!this.isOver) this.#context.keepAlive(this, true);
  }

  unref(): void {
    this.#context.keepAlive(this, false);
  }

  peek(into: Uint8Array, after = 0): number {
    checkBytes("the argument of peek", into);
    whole("after", after, 0, Number.MAX_SAFE_INTEGER);
    return this.isReadClosed ? 0 : this.#context.engine.peek(this.#tcb, into, 0, into.length, after);
  }

  // --- Ending ------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    if (this.#traits.linger === 0) this.abort();
    else this.#endBoth();
    this.onEvents();
    return this.closed.catch(() => {});
  }

  abort(reason?: unknown): void {
    if (!this.isOver) this.#abortReason = reason;
    this.isFinished = true;
    this.isReadClosed = true;
    this.#context.engine.abort(this.#tcb, this.#context.host.now());
    this.#context.host.wake();
    this.onEvents();
  }

  /** The stack ends, for `reason`. Connections are aborted, except that data left after an orderly end can still be read. */
  drop(reason?: unknown): void {
    if (this.isOver) this.#context.engine.abort(this.#tcb, this.#context.host.now());
    else this.abort(reason);
  }

  pause(): void {
    if (this.#calls !== null) this.#calls.paused = true;
  }

  resume(): void {
    this.#calls?.resume();
    this.onEvents();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- Events of the engine ----------------------------------------------------------------------------------------

  fellAsleep(dormant: Dormant): void {
    this.#connection = dormant;
  }

  woke(tcb: Tcb): void {
    this.#connection = tcb;
  }

  /** Awake; the host has a turn then, after which the connection may fall asleep again. */
  get #tcb(): Tcb {
    const connection = this.#connection;
    if (!(connection instanceof Dormant)) return connection;
    this.#context.host.wake();
    return this.#context.engine.wake(connection);
  }

  /** Handles the event bits and settles the waiting promises. */
  onEvents(): void {
    const tcb = this.#tcb;
    const events = takeEvents(tcb);
    if ((events & EVENT_OPENED) !== 0) this.#open();
    if ((events & EVENT_SOFT_ERROR) !== 0) this.#doubt();
    if ((events & EVENT_URGENT) !== 0) this.#urgent();
    if ((events & EVENT_REMOTE_CLOSED) !== 0 && !this.#traits.allowHalfOpen) this.closeWrite();
    if (this.isReadClosed) this.#discard();
    if ((tcb.state & (CLOSED | TIME_WAIT)) !== 0) this.#end();
    this.#calls?.tell(this);
    const reads = this.#waiting?.into;
    this.#waiting?.wake(this);
    if (reads && !this.#waiting?.into) this.#setTaking();
    this.#release();
  }

  /** Takes text from the packet that has brought it. */
  onText(): void {
    if (this.isReadClosed) this.#discard();
    else if (this.#hasHandler) this.#calls?.giveText(this);
    else if (this.#waiting?.fill(this)) this.#context.engine.remind(this.#tcb);
  }

  /** Whether text can be taken from packets, and from how many octets on. */
  #setTaking(): void {
    const { engine, host } = this.#context;
    if (host.onText === undefined) return;
    const least = this.isReadClosed || this.#waiting?.into ? 1 : this.#hasHandler ? VIEWED_FROM : null;
    engine.takeFromPackets(this.#tcb, least);
  }

  get #hasHandler(): boolean {
    return this.#calls?.handlers.data !== undefined;
  }

  #open(): void {
    this.isOpen = true;
    this.#handshake = roundTrip(this.#tcb);
    this.#waiting?.settleOpened(this);
    if (this.isFinished) this.#finish();
  }

  #doubt(): void {
    const error = doubt(this.info(), this.history, this.#context.host.now());
    this.#ask.softError = error;
    // An exception in a callback must not end the engine's turn.
    queueMicrotask(() => this.onSoftError?.(error));
  }

  #urgent(): void {
    const left = urgentLeft(this.#tcb) ?? 0;
    if (left > 0) queueMicrotask(() => this.onUrgent?.(left));
  }

  /** Handles the end of the connection. TIME-WAIT goes on inside the stack. */
  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#timers?.clear();
    this.#context.keepAlive(this, false);
    const tcb = this.#tcb;
    if (tcb.error !== OK) {
      const reason = this.#abortReason;
      this.failure =
        reason instanceof ConnectionError
          ? reason
          : endError(this.info(), this.history, this.#context.host.now(), reason);
    }
    const waiting = this.#waiting;
    if (waiting === null) return;
    waiting.settleClosed(this);
    waiting.settleOpened(this);
    waiting.breakWriter(this);
  }

  /** Releases the TCB once the connection is over and read to the end. */
  #release(): void {
    if (!this.isOver || this.#released || readable(this.#tcb) > 0) return;
    this.#released = true;
    this.#context.engine.release(this.#tcb);
  }

  // --- Parts -------------------------------------------------------------------------------------------------------

  get #ask(): Waiting {
    return (this.#waiting ??= new Waiting());
  }

  get #clock(): SocketTimers {
    return (this.#timers ??= new SocketTimers(this.#context, this));
  }

  /** Calls the handler of the idle timeout; false if there is none. */
  tellIdle(): boolean {
    return this.#calls?.tellIdle(this) ?? false;
  }

  get history(): ConnectionHistory {
    return { remote: this.remoteAddress, begun: this.#begun, opened: this.isOpen, closing: this.#closing };
  }

  #refuseHandlers(what: string): void {
    if (!this.#hasHandler) return;
    throw new CallError("EALREADY", `${what} is the data handler's: this connection was given one`);
  }

  get unread(): number {
    return readable(this.#tcb);
  }

  get atEnd(): boolean {
    return this.isReadClosed || (this.#tcb.state & (SYN_SENT | SYN_RECEIVED | MAY_RECEIVE)) === 0;
  }

  get hasRoom(): boolean {
    return this.#context.engine.writable(this.#tcb);
  }

  get isFlushed(): boolean {
    const { state } = this.#tcb;
    return queued(this.#tcb) === 0 && (!this.isFinished || (state & (FIN_WAIT_2 | TIME_WAIT | CLOSED)) !== 0);
  }

  view(): Uint8Array {
    return this.#context.engine.unread(this.#tcb);
  }

  skip(n: number): void {
    this.#context.engine.discard(this.#tcb, n);
    this.#afterReading();
  }

  #discard(): void {
    if (this.unread > 0) this.skip(this.unread);
  }

  /** After a read: the window may have opened, and another connection may have been waiting for the memory. */
  #afterReading(): void {
    const { engine, host } = this.#context;
    if (isDue(this.#tcb) || engine.hasEvents()) host.wake();
    this.#release();
  }

  #finish(): void {
    if (this.isReadClosed) this.#endBoth();
    else this.#context.engine.closeSend(this.#tcb, this.#context.host.now());
    this.#context.host.wake();
  }

  #endBoth(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.isFinished = true;
    // Octets that the data handler has, and takes, are read: they must not reset the connection.
    if (this.#calls?.isGiving === true) this.#calls.closes = true;
    else this.closeBoth();
  }

  closeBoth(): void {
    const { engine, host } = this.#context;
    engine.close(this.#tcb, host.now());
    if (this.#traits.linger > 0 && !this.isOver) this.#clock.limitClosing(this.#traits.linger);
    host.wake();
    this.isReadClosed = true;
  }

  writeError(): ConnectionError {
    if (this.failure !== null) return this.failure;
    const why = this.isFinished ? "this side has closed its direction" : "the connection is over";
    return new ConnectionError("EPIPE", `cannot write to ${this.remoteAddress}: ${why}`);
  }
}

const wroteMeanwhile = () =>
  new CallError("EALREADY", "the function that fills the send buffer has written to the same connection");

/** A connection of a stack as a Node stream, whose back-pressure is the connection's. */
import { Duplex } from "node:stream";
import type { ConnectionError } from "#socket/connection-error";
import type { Socket as Connection, SocketHandlers } from "#socket/types";
import type { Attempts } from "./attempts.ts";
import { coded, systemError } from "./errors.ts";
import { IdleTimer } from "./idle-timer.ts";
import { Outgoing } from "./outgoing.ts";
import type { OnReadOptions } from "./socket-options.ts";

/** Options of the stream. */
export interface StreamOptions {
  readonly allowHalfOpen: boolean;
  readonly onread: OnReadOptions | null;
  readonly highWaterMark?: number | undefined;
}

export abstract class ConnectionStream extends Duplex {
  /** Between `connect` and its result, the name's resolution included. */
  connecting = false;
  /** Octets that have come. */
  bytesRead = 0;
  /** Null before `connect` and after the end. */
  protected _connection: Connection | null = null;
  protected _attempts: Attempts | null = null;
  protected readonly _idle = new IdleTimer(() => this.emit("timeout"));
  #outgoing = new Outgoing();
  readonly #onread: OnReadOptions | null;
  #resets = false;
  #refers = true;

  constructor({ allowHalfOpen, onread, highWaterMark }: StreamOptions) {
    const marks = highWaterMark === undefined ? {} : { highWaterMark };
    super({ allowHalfOpen, emitClose: false, autoDestroy: true, ...marks });
    this.#onread = onread;
    this.once("end", this.#refuseWrites);
  }

  /** What connections of sockets call. */
  static readonly handlers: SocketHandlers = {
    open(connection) {
      const stream = streamOf(connection);
      if (stream !== null) stream.#opened();
    },
    data(connection, bytes) {
      const stream = streamOf(connection);
      return stream === null ? undefined : stream.#data(connection, bytes);
    },
    drain(connection) {
      const stream = streamOf(connection);
      if (stream !== null) stream.#drained(connection);
    },
    end(connection) {
      const stream = streamOf(connection);
      if (stream !== null) stream.#ended();
    },
    close(connection, error) {
      const stream = streamOf(connection);
      if (stream !== null) stream.#closed(error);
    },
  };

  /** The stream's connection from now on. Nothing is read before `startReading`. */
  protected _take(connection: Connection): void {
    this._connection = connection;
    connection.data = this;
    connection.pause();
    if (this.#refers) connection.ref();
  }

  /** Whether the connection, or the next one, keeps the program alive. */
  protected _refer(on: boolean): void {
    this.#refers = on;
    if (on) this._connection?.ref();
    else this._connection?.unref();
  }

  /** As before the first `connect`. */
  protected _renew(): void {
    // Before anything is renewed: otherwise the error of an old write would end the new connection.
    this.#outgoing.cancel();
    this.#outgoing = new Outgoing();
    const stream = this as unknown as { _undestroy(): void; write: unknown };
    stream._undestroy();
    stream.write = Duplex.prototype.write;
    this.#resets = false;
    this.bytesRead = 0;
    this.once("end", this.#refuseWrites);
  }

  // --- What the stack tells ----------------------------------------------------------------------------------------

  #opened(): void {
    this._attempts?.succeeded();
    this._attempts = null;
    this.connecting = false;
    this._idle.restart();
    this.emit("connect");
    this.emit("ready");
    this.startReading();
  }

  /** Reads until the stream is full, though nobody asked for it, so that the peer's end is noticed. */
  startReading(): void {
    if (!this.destroyed && !this.isPaused()) this.read(0);
  }

  #data(connection: Connection, bytes: Uint8Array): number | undefined {
    this._idle.restart();
    if (this.#onread !== null) return this.#fill(this.#onread, connection, bytes);
    this.bytesRead += bytes.length;
    if (!this.push(Buffer.from(bytes))) connection.pause();
    return undefined;
  }

  #fill({ buffer, callback }: OnReadOptions, connection: Connection, bytes: Uint8Array): number {
    for (let from = 0; from < bytes.length; ) {
      const into = typeof buffer === "function" ? buffer() : buffer;
      const n = Math.min(into.length, bytes.length - from);
      into.set(bytes.subarray(from, from + n));
      from += n;
      this.bytesRead += n;
      const goesOn = callback.call(this, n, into) !== false;
      if (this.destroyed) return from;
      if (!goesOn) {
        connection.pause();
        return from;
      }
    }
    return bytes.length;
  }

  #drained(connection: Connection): void {
    this._idle.restart();
    this.#outgoing.go(connection);
  }

  #ended(): void {
    this.push(null);
    this.read(0);
  }

  #closed(error: ConnectionError | null): void {
    // Nobody but the stack's end aborts a connection of ours: that is no error of the network.
    if (error?.code === "ECONNABORTED") this.destroy();
    else if (this.connecting) this._attempts?.ended(error);
    else if (error !== null) this.destroy(systemError(error.code, "read", { cause: error }));
  }

  /** After the peer's FIN: a write that comes too late is an error of its own. */
  #refuseWrites(): void {
    if (this.allowHalfOpen) return;
    this.write = ((chunk: unknown, encoding?: unknown, done?: unknown) => {
      const stream = Duplex.prototype.write as (...args: unknown[]) => boolean;
      if (!this.writableEnded) return stream.call(this, chunk, encoding, done);
      const error = coded("EPIPE", "This socket has been ended by the other party");
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") process.nextTick(() => callback(error));
      this.destroy(error);
      return false;
    }) as Duplex["write"];
  }

  // --- The stream --------------------------------------------------------------------------------------------------

  override _read(): void {
    if (this.connecting || this._connection === null) this.once("connect", () => this.#resume());
    else this.#resume();
  }

  #resume(): void {
    this._connection?.resume();
  }

  override pause(): this {
    if (this.#onread !== null && !this.connecting) this._connection?.pause();
    return super.pause();
  }

  override resume(): this {
    if (this.#onread !== null && !this.connecting) this._connection?.resume();
    return super.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writeAll([chunk], done);
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#writeAll(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #writeAll(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.#afterConnect((isOpen) => {
        if (isOpen) this.#writeAll(chunks, done);
        else done(coded("ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "Socket closed before the connection was established"));
      });
      return;
    }
    this._idle.restart();
    if (this._connection === null) done(coded("ERR_SOCKET_CLOSED", "Socket is closed"));
    else this.#outgoing.begin(this._connection, chunks, done);
  }

  #afterConnect(call: (isOpen: boolean) => void): void {
    const opened = () => {
      this.removeListener("close", closed);
      call(true);
    };
    const closed = () => {
      this.removeListener("connect", opened);
      call(false);
    };
    this.once("connect", opened);
    this.once("close", closed);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.once("connect", () => this._final(done));
      return;
    }
    this._connection?.closeWrite();
    // As a shutdown(2), which is over in a later turn.
    setImmediate(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.connecting = false;
    this._idle.stop();
    this._attempts?.stop();
    this._attempts = null;
    const connection = this._connection;
    this._connection = null;
    if (connection !== null) {
      connection.data = null;
      connection.unref();
      if (this.#resets) connection.abort();
      else void connection.close();
    }
    done(error);
    const outgoing = this.#outgoing;
    // After "error", for which the stream waits one tick, and whoever awaits it.
    setImmediate(() => {
      outgoing.cancel();
      this.emit("close", Boolean(error));
    });
  }

  /** Ends the connection by RST. */
  protected _reset(): void {
    this.#resets = true;
    this.destroy();
  }

  /** Octets that the program has written, those that still wait included. */
  get bytesWritten(): number {
    return this.#outgoing.done + this.writableLength;
  }

  /** Octets that wait to be written. */
  get bufferSize(): number {
    return this.writableLength;
  }
}

/** Null if nobody wants to hear of the connection any more. */
function streamOf(connection: Connection): ConnectionStream | null {
  return (connection.data ?? null) as ConnectionStream | null;
}

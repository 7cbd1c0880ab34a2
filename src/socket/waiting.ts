import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import type { Shown } from "./shown.ts";
import type { SocketInfo } from "./types.ts";

/** Promises, streams and callbacks of a connection. Made when the first of them is used. */
export class Waiting {
  opened: Deferred<SocketInfo> | null = null;
  closed: Deferred<void> | null = null;
  readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  writer: WritableStreamDefaultController | null = null;
  /** Waiting promises: for octets, for room in the send buffer, for acknowledgment of everything. */
  reader: Deferred<number> | null = null;
  /** The buffer of the waiting read, and how much of it is filled; null if the reader only waits until there are octets. */
  into: Uint8Array | null = null;
  #filled = 0;
  drained: Deferred<void> | null = null;
  flushed: Deferred<void> | null = null;
  softError: ConnectionError | null = null;
  onSoftError: ((error: ConnectionError) => void) | null = null;
  onUrgent: ((left: number) => void) | null = null;

  beginReading(into: Uint8Array | null): Deferred<number> {
    this.reader = new Deferred();
    this.into = into;
    this.#filled = 0;
    return this.reader;
  }

  /** Fills the buffer of the waiting read; its promise resolves after the turn. True if there was room. */
  fill(socket: Shown): boolean {
    const { into } = this;
    if (into === null || this.#filled === into.length) return false;
    this.#filled += socket.take(into, this.#filled);
    return true;
  }

  /** Settles the promises that can be settled. */
  wake(socket: Shown): void {
    this.#wakeReader(socket);
    this.#wakeWriters(socket);
  }

  settleOpened(socket: Shown): void {
    const { opened } = this;
    if (opened === null) return;
    const { agreed } = socket;
    if (agreed !== null) opened.resolve(agreed);
    else if (socket.failure !== null) opened.reject(socket.failure);
    else if (socket.isOver) {
      const early = `the connection to ${socket.remoteAddress} was closed before it was open`;
      opened.reject(new ConnectionError("ECONNABORTED", early));
    }
  }

  settleClosed(socket: Shown): void {
    if (this.closed === null || !socket.isOver) return;
    if (socket.failure !== null) this.closed.reject(socket.failure);
    else this.closed.resolve();
  }

  /** The connection is over: reports its error to a stream that is being written. */
  breakWriter(socket: Shown): void {
    if (socket.failure !== null) this.writer?.error(socket.failure);
    else if (!socket.isFinished) this.writer?.error(socket.writeError());
  }

  #wakeReader(socket: Shown): void {
    const { reader } = this;
    if (reader === null) return;
    if (this.into !== null && socket.unread > 0) this.fill(socket);
    if (this.#filled > 0) reader.resolve(this.#filled);
    else if (socket.unread > 0) reader.resolve(socket.unread);
    else if (socket.failure !== null) reader.reject(socket.failure);
    else if (socket.atEnd) reader.resolve(0);
    else return;
    this.reader = null;
    this.into = null;
    this.#filled = 0;
  }

  #wakeWriters(socket: Shown): void {
    const { drained, flushed } = this;
    if (drained !== null && (socket.isOver || socket.hasRoom)) {
      if (socket.isOver) drained.reject(socket.writeError());
      else drained.resolve();
      this.drained = null;
    }
    if (flushed !== null && (socket.failure !== null || socket.isFlushed)) {
      if (socket.failure !== null) flushed.reject(socket.failure);
      else flushed.resolve();
      this.flushed = null;
    }
  }
}

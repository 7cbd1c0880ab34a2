import { invalid, shown } from "./checks.ts";
import type { Shown } from "./shown.ts";
import type { SocketHandlers } from "./types.ts";

/**
 * Octets of text from which the data handler is given a view of the packet. A view and a call for each small segment would cost more than
 * the copies of a turn's segments and one view of all of them.
 */
export const VIEWED_FROM = 4096;

/** What a data handler returned. @throws CallError EINVAL, above all for the promise of an async one: its view would be good until its first await. */
function octets(returned: unknown): number {
  if (Number.isInteger(returned) && (returned as number) >= 0) return returned as number;
  const why = typeof (returned as Promise<unknown> | null)?.then === "function" ? ": it cannot be async" : "";
  throw invalid(`data must return how many octets it took, or nothing, not ${shown(returned)}${why}`);
}

/** Calls the handlers of one connection, once per event, in the order of the events. */
export class HandlerCalls {
  readonly handlers: SocketHandlers;
  /** `pause` was called. */
  paused = false;
  /** A write queued less than it was given, so `drain` is due. */
  wantsRoom = false;
  /** The data handler runs: how many of its octets it takes is known when it returns. */
  isGiving = false;
  /** The data handler has called `close`. */
  closes = false;
  /** The data handler did not take everything: it is called again when more arrives, or after `resume`. */
  #holds = false;
  #openCalled = false;
  #endCalled = false;
  #closeCalled = false;
  /** A handler is running: events that it causes are delivered after it returns. */
  #isCalling = false;
  /** `tell` was called meanwhile. */
  #hasMore = false;

  constructor(handlers: SocketHandlers) {
    this.handlers = handlers;
  }

  resume(): void {
    this.paused = false;
    this.#holds = false;
  }

  /** Calls the handlers that are due. An exception in a handler is thrown again after the engine's turn. */
  tell(socket: Shown): void {
    this.#hasMore = this.#isCalling;
    if (this.#isCalling || this.#closeCalled) return;
    this.#isCalling = true;
    try {
      this.#tell(socket);
    } catch (error) {
      this.#thrown(socket, error);
    } finally {
      this.#isCalling = false;
    }
  }

  /** Gives the text that is still in its packet to the data handler, unless other calls must come first. */
  giveText(socket: Shown): void {
    const { data } = this.handlers;
    if (data === undefined || this.#isCalling || this.#closeCalled || !this.#openCalled) return;
    this.#hasMore = false;
    this.#isCalling = true;
    try {
      this.#give(socket, data);
    } catch (error) {
      this.#thrown(socket, error);
    } finally {
      this.#isCalling = false;
    }
    // The handler has ended the connection, for example.
    if (this.#hasMore) this.tell(socket);
  }

  /** The idle timeout is over. False: there is no handler for it. */
  tellIdle(socket: Shown): boolean {
    const { timeout } = this.handlers;
    if (timeout === undefined) return false;
    this.#isCalling = true;
    try {
      timeout.call(this.handlers, socket);
    } catch (error) {
      this.#thrown(socket, error);
    } finally {
      this.#isCalling = false;
    }
    this.tell(socket);
    return true;
  }

  #tell(socket: Shown): void {
    const { handlers } = this;
    if (socket.isOpen && !this.#openCalled) {
      this.#openCalled = true;
      handlers.open?.(socket);
    }
    if (handlers.data !== undefined) this.#give(socket, handlers.data);
    if (this.wantsRoom && !socket.isOver && !socket.isFinished && socket.hasRoom) {
      this.wantsRoom = false;
      this.#holds = false;
      handlers.drain?.(socket);
      if (handlers.data !== undefined) this.#give(socket, handlers.data);
    }
    const isEmpty = socket.unread === 0;
    if (isEmpty && socket.isOpen && socket.atEnd && socket.failure === null && !this.#endCalled) {
      this.#endCalled = true;
      if (!socket.isReadClosed) handlers.end?.(socket);
    }
    if (socket.isOver && (isEmpty || socket.isReadClosed || socket.failure !== null)) {
      this.#closeCalled = true;
      handlers.close?.(socket, socket.failure);
    }
  }

  #give(socket: Shown, take: NonNullable<SocketHandlers["data"]>): void {
    while (socket.unread > 0 && !this.paused && !this.#holds && !socket.isReadClosed) {
      const view = socket.view();
      const n = view.length;
      // If a handler throws, its data is dropped: it would throw again.
      let taken = n;
      this.isGiving = true;
      try {
        const returned = take.call(this.handlers, socket, view);
        if (returned !== undefined) taken = octets(returned);
      } finally {
        this.isGiving = false;
        if (taken > 0 && !socket.isReadClosed) socket.skip(Math.min(taken, n));
        if (this.closes && !socket.isReadClosed) socket.closeBoth();
        this.closes = false;
      }
      if (taken < n) this.#holds = true;
    }
  }

  /** An exception of the application must not end the engine's turn, or keep events from other connections. */
  #thrown(socket: Shown, error: unknown): void {
    queueMicrotask(() => {
      if (this.handlers.error === undefined) throw error;
      this.handlers.error(socket, error);
    });
  }
}

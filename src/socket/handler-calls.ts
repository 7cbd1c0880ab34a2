import type { Shown } from "./shown.ts";
import type { SocketHandlers } from "./types.ts";

/** Calls the handlers of one connection: each thing once, in the order in which it happened. */
export class HandlerCalls {
  readonly handlers: SocketHandlers;
  /** `pause` was called. */
  paused = false;
  /** A write took less than it was given. */
  wantsRoom = false;
  /** The data handler left something: it comes again when there is room, or after `resume`. */
  #holds = false;
  #toldOpen = false;
  #toldEnd = false;
  #toldClose = false;
  /** A handler is running: what it does is told after it, not within it. */
  #isCalling = false;

  constructor(handlers: SocketHandlers) {
    this.handlers = handlers;
  }

  resume(): void {
    this.paused = false;
    this.#holds = false;
  }

  /** Calls what is due by what the connection shows now. What a handler throws is told after the engine's turn. */
  tell(socket: Shown): void {
    if (this.#isCalling || this.#toldClose) return;
    this.#isCalling = true;
    try {
      this.#tell(socket);
    } catch (error) {
      this.#thrown(socket, error);
    } finally {
      this.#isCalling = false;
    }
  }

  #tell(socket: Shown): void {
    const { handlers } = this;
    if (socket.isOpen && !this.#toldOpen) {
      this.#toldOpen = true;
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
    if (isEmpty && socket.isOpen && socket.atEnd && socket.failure === null && !this.#toldEnd) {
      this.#toldEnd = true;
      if (!socket.isDeaf) handlers.end?.(socket);
    }
    if (socket.isOver && (isEmpty || socket.isDeaf || socket.failure !== null)) {
      this.#toldClose = true;
      handlers.close?.(socket, socket.failure);
    }
  }

  #give(socket: Shown, take: NonNullable<SocketHandlers["data"]>): void {
    while (socket.unread > 0 && !this.paused && !this.#holds && !socket.isDeaf) {
      const view = socket.peek();
      const n = view.length;
      // What a handler throws on is gone: it would throw on it again.
      let taken = n;
      try {
        taken = take.call(this.handlers, socket, view) ?? n;
      } finally {
        if (taken > 0 && !socket.isDeaf) socket.skip(Math.min(taken, n));
      }
      if (taken < n) this.#holds = true;
    }
  }

  /** It is the application's: it must end neither the engine's turn nor what the other connections are told. */
  #thrown(socket: Shown, error: unknown): void {
    queueMicrotask(() => {
      if (this.handlers.error === undefined) throw error;
      this.handlers.error(socket, error);
    });
  }
}

import { Alarm } from "#stack/alarms";
import type { TcpInfo } from "#tcp/machine/info";
import type { SocketContext } from "./socket-context.ts";
import { type ConnectionHistory, idleError, lingerError } from "./words.ts";

/** What the timers need of their connection. */
export interface Timed {
  readonly isOver: boolean;
  readonly isFlushed: boolean;
  readonly history: ConnectionHistory;
  info(): TcpInfo;
  abort(reason: unknown): void;
  /** Calls the `timeout` handler; false if there is none. */
  tellIdle(): boolean;
}

/** `idleTimeout` and `linger`: the timers of one connection above the engine's own. Made when the first of them is set. Times are µs. */
export class SocketTimers {
  readonly #context: SocketContext;
  readonly #socket: Timed;
  readonly #idle = new Alarm(() => this.#idleFor());
  #idleTimeout = 0;
  readonly #closing = new Alarm(() => this.#lingered());
  #linger = 0;

  constructor(context: SocketContext, socket: Timed) {
    this.#context = context;
    this.#socket = socket;
  }

  /** The connection may be idle for so long from now on; 0: for ever. */
  watchIdleness(timeout: number): void {
    this.#idleTimeout = timeout;
    if (timeout > 0) this.#look(this.#context.host.now() + timeout);
    else this.#context.engine.alarms.clear(this.#idle);
  }

  /** CLOSE may last for so long from now on. */
  limitClosing(linger: number): void {
    const { engine, host } = this.#context;
    this.#linger = linger;
    engine.alarms.set(this.#closing, host.now() + linger);
    host.wake();
  }

  clear(): void {
    const { alarms } = this.#context.engine;
    alarms.clear(this.#idle);
    alarms.clear(this.#closing);
  }

  /** Looks at `at` whether the connection is idle. */
  #look(at: number): void {
    this.#context.engine.alarms.set(this.#idle, at);
    this.#context.host.wake();
  }

  /** The idle timeout may be over: asks when something last moved, and calls the handler, or ends the connection. */
  #idleFor(): void {
    const socket = this.#socket;
    const { lastSentAt, lastReceivedAt, openedAt } = socket.info();
    const due = Math.max(lastSentAt, lastReceivedAt, openedAt, socket.history.begun) + this.#idleTimeout;
    if (due > this.#context.host.now()) this.#look(due);
    else if (!socket.tellIdle()) socket.abort(idleError(socket.history, this.#idleTimeout));
    // The handler may have ended the connection, or changed the timeout.
    else if (!socket.isOver) this.watchIdleness(this.#idleTimeout);
  }

  /** `close` has waited long enough. */
  #lingered(): void {
    const socket = this.#socket;
    if (!socket.isFlushed) socket.abort(lingerError(socket.history, this.#linger));
  }
}

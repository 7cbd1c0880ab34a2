/**
 * The turns and timers of the runtime's event loop: Bun, Node.js and Deno have `setImmediate`; browsers have not, and delay nested timers
 * by 4 ms, so messages to ourselves take its place there.
 */

/** A turn that was asked for. */
export type Turn = object | number;

/** The part of an event loop that the driver needs: tasks that run after the I/O and the timers that are due. */
export interface Turns {
  schedule(run: () => void): Turn;
  cancel(turn: Turn | undefined): void;
}

interface Runtime {
  readonly setImmediate?: (run: () => void) => Turn;
  readonly clearImmediate?: (turn: Turn | undefined) => void;
  readonly MessageChannel?: typeof MessageChannel;
}

/** Each message is a turn; one that was cancelled runs nothing. */
class MessageTurns implements Turns {
  readonly #channel: MessageChannel;
  readonly #waiting: { run: (() => void) | null }[] = [];

  constructor(channel: MessageChannel) {
    this.#channel = channel;
    channel.port1.onmessage = () => this.#waiting.shift()?.run?.();
  }

  schedule(run: () => void): Turn {
    const turn = { run };
    this.#waiting.push(turn);
    this.#channel.port2.postMessage(null);
    return turn;
  }

  cancel(turn: Turn | undefined): void {
    if (turn !== undefined) (turn as { run: (() => void) | null }).run = null;
  }
}

const timerTurns: Turns = {
  schedule: (run) => setTimeout(run, 0),
  cancel: (turn) => clearTimeout(turn as ReturnType<typeof setTimeout> | undefined),
};

/** The turns of a runtime that has these globals. */
export function turnsOf(runtime: Runtime): Turns {
  const { setImmediate: schedule, clearImmediate: cancel, MessageChannel: Channel } = runtime;
  if (schedule !== undefined && cancel !== undefined) return { schedule, cancel };
  return Channel === undefined ? timerTurns : new MessageTurns(new Channel());
}

export const turns: Turns = turnsOf(globalThis as Runtime);

/** A timer, and whether it keeps the program alive; browsers have only numbers, and no such question. */
export type Timer = ReturnType<typeof setTimeout>;

export function reference(timer: Timer | undefined, keepsAlive: boolean): void {
  if (typeof timer !== "object") return;
  if (keepsAlive) timer.ref();
  else timer.unref();
}

/** Resolves when every turn has run that was scheduled before. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void turns.schedule(resolve));

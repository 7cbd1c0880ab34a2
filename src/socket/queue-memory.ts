import { HandOverRing, RING_MEMORY } from "#device/hand-over-ring";

/** A cache line, in 32-bit words: what one thread writes often is in a line of its own. */
const LINE = 16;
/** Counts of connections per source. */
const SOURCES = 1 << 16;

/** The memory that the threads of all queues share. */
export class QueueMemory {
  readonly buffer: SharedArrayBuffer;
  readonly queues: number;
  /** How many connections the stack of each queue has, a line apart. */
  readonly #connections: Int32Array;
  readonly #states: Int32Array;
  readonly sources: Int32Array;

  /** @param buffer that of another thread; absent: new */
  constructor(queues: number, buffer = new SharedArrayBuffer(offsetOfRings(queues) + queues * RING_MEMORY)) {
    this.buffer = buffer;
    this.queues = queues;
    this.#states = new Int32Array(buffer, 0, queues * LINE);
    this.#connections = new Int32Array(buffer, queues * LINE * 4, queues * LINE);
    this.sources = new Int32Array(buffer, 2 * queues * LINE * 4, SOURCES);
  }

  /** One word: AWAKE, ASLEEP or WOKEN. */
  state(queue: number): Int32Array {
    return this.#states.subarray(queue * LINE, queue * LINE + 1);
  }

  /** Packets for that queue from the one before it. */
  ring(queue: number): HandOverRing {
    return new HandOverRing(this.buffer, offsetOfRings(this.queues) + queue * RING_MEMORY);
  }

  setConnections(queue: number, n: number): void {
    Atomics.store(this.#connections, queue * LINE, n);
  }

  /** The connections of all queues but this one. */
  connectionsBeside(queue: number): number {
    let n = 0;
    for (let each = 0; each < this.queues; each++)
      if (each !== queue) n += Atomics.load(this.#connections, each * LINE);
    return n;
  }
}

function offsetOfRings(queues: number): number {
  return 4 * (2 * queues * LINE + SOURCES);
}

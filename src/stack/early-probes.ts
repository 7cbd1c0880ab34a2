/**
 * Keep-alive while memory or a table is short: looks through the connections, some in each turn, for those whose peers have been silent for the
 * shorter idle time (`params.keepAliveUnderPressure`), so that the connections of dead peers end and make room (docs/adr/0061).
 */
import type { Deadlines } from "#base/deadlines";
import type { IdTable } from "#base/id-table";
import { MILLISECOND, NEVER, SECOND } from "#base/time";
import { earlyProbeAt } from "#tcp/words/keep-alive";
import { T_KEEPALIVE, Tcb, type TcpEnv } from "#tcp/words/tcb";
import type { Row } from "./demux.ts";

/** How many connections one turn looks at, and how many it probes at most: a probe and its answer take a place in queues. */
const LOOKS = 4_096;
const PROBES = 64;
/** The time until the next turn, after one that probed connections and after one that found none. */
const BUSY = 100 * MILLISECOND;
const QUIET = SECOND;

export class EarlyProbes {
  /** Ids that the last turn found. */
  readonly found = new Int32Array(PROBES);
  readonly #env: TcpEnv;
  readonly #limit: number;
  #due = NEVER;
  /** The id that the next turn looks at first. */
  #cursor = 0;

  /** @param limit the most connections of the stack */
  constructor(env: TcpEnv, limit: number) {
    this.#env = env;
    this.#limit = limit;
  }

  /** When `turn` must be called again, or NEVER. */
  get due(): number {
    return this.#due;
  }

  /** Whether pressure has begun since the last call: then a turn is due at once. */
  begins(connections: number, now: number): boolean {
    if (this.#due !== NEVER || !this.#isPressed(connections)) return false;
    this.#env.pressure.isOn = true;
    this.#due = now;
    return true;
  }

  /** Finds connections to be probed now; returns how many. Most of them are asleep, so this is said by their deadlines: check each one. */
  turn(ids: IdTable<Row>, deadlines: Deadlines, connections: number, now: number): number {
    if (this.#due > now) return 0;
    this.#env.pressure.isOn = this.#isPressed(connections);
    this.#due = NEVER;
    if (!this.#env.pressure.isOn) return 0;
    let n = 0;
    for (let left = Math.min(LOOKS, ids.length); left > 0 && n < PROBES; left--) {
      if (this.#cursor >= ids.length) this.#cursor = 0;
      const id = this.#cursor++;
      const row = ids.get(id);
      if (row === null || typeof row === "number") continue;
      const at = row instanceof Tcb ? ownDeadline(row) : deadlines.of(id);
      if (at !== NEVER && earlyProbeAt(row, at) <= now) this.found[n++] = id;
    }
    this.#due = now + (n > 0 ? BUSY : QUIET);
    return n;
  }

  #isPressed(connections: number): boolean {
    const { slab, records, ranges } = this.#env;
    if (slab.isTight || records.used > records.limit >> 1 || ranges.used > ranges.limit >> 1) return true;
    return connections > this.#limit - (this.#limit >> 3);
  }
}

/** Whether the peer of a connection that is awake has been silent for the shorter idle time, and was not probed yet. */
export function isSilent(tcb: Tcb, now: number): boolean {
  return earlyProbeAt(tcb, ownDeadline(tcb)) <= now;
}

function ownDeadline({ keepAliveProbes, timers }: Tcb): number {
  return keepAliveProbes > 0 ? NEVER : timers[T_KEEPALIVE]!;
}

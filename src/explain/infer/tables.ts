/** The tables of a report, filled from a capture. */
import { HappeningTable, MetricTable, RoundTripTable } from "#report/model/event-tables";
import { type NewPacket, PacketTable } from "#report/model/packet-table";
import { type Connection, LIMIT, NEVER, type Run, STATE, TIMER } from "#report/model/run";
import { inOrder } from "#report/model/sorting";
import { LIMIT_NAMES, STATE_NAMES, TIMER_NAMES } from "#tcp/words/names";
import { describeInferred } from "./rules.ts";

type StateName = (typeof STATE_NAMES)[number];
export type LimitName = (typeof LIMIT_NAMES)[number];
type TimerName = (typeof TIMER_NAMES)[number];

/** Rows of metrics, round trips and changes together: beyond, only packets are added. */
const CHANGES_MAX = 8_000_000;

export class CaptureTables {
  readonly packets = new PacketTable();
  readonly metrics = new MetricTable();
  readonly trips = new RoundTripTable();
  readonly #happenings = new HappeningTable();
  readonly #rules = new Map<string, number>([["none", 0]]);
  #changes = 0;

  rule(name: string): number {
    let number = this.#rules.get(name);
    if (number === undefined) this.#rules.set(name, (number = this.#rules.size));
    return number;
  }

  /** A packet that came by; its arrival is not known, so it is taken for arrived at once until something shows that it was lost. */
  add(packet: NewPacket): number {
    const row = this.packets.add(packet);
    if (row >= 0) this.packets.arrived.set(row, 0);
    return row;
  }

  /** The packet was lost. */
  lose(row: number, rule: string): void {
    if (row < 0) return;
    this.packets.dropped.set(row, this.rule(rule));
    this.packets.delivered.set(row, 0);
    this.packets.arrived.set(row, NEVER);
  }

  /** It was not lost after all. @param after µs from its sending until it arrived */
  find(row: number, after: number): void {
    if (row < 0) return;
    this.packets.dropped.set(row, 0);
    this.packets.delivered.set(row, NEVER);
    this.packets.arrived.set(row, Math.max(0, Math.round(after)));
  }

  state(time: number, owner: number, name: StateName): void {
    this.#happen(time, owner, STATE, STATE_NAMES.indexOf(name), 0);
  }

  limit(time: number, owner: number, name: LimitName): void {
    this.#happen(time, owner, LIMIT, LIMIT_NAMES.indexOf(name), 0);
  }

  timer(time: number, owner: number, name: TimerName, times: number): void {
    this.#happen(time, owner, TIMER, TIMER_NAMES.indexOf(name), times);
  }

  /** Whether there is room for another row of metrics or round trips. */
  hasRoom(): boolean {
    return this.#changes++ < CHANGES_MAX;
  }

  /** The run. Nothing may be added afterwards. */
  build(connections: readonly Connection[], rest: Pick<Run, "about" | "epoch" | "missing" | "inferred">): Run {
    const { tables } = inOrder(this.packets.tables(), (row) => this.packets.orderOf(row));
    return {
      ...tables,
      metrics: this.metrics.table(),
      trips: this.trips.table(),
      happenings: this.#happenings.table(),
      rules: [...this.#rules.keys()].map(describeInferred),
      connections,
      texts: {},
      leftOut: this.packets.leftOut,
      ...rest,
    };
  }

  #happen(time: number, owner: number, what: number, a: number, b: number): void {
    if (this.#changes++ < CHANGES_MAX) this.#happenings.add({ time, owner, what, a, b, cause: 0 });
  }
}

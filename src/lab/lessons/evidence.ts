import type { RunEvent, TraceEvent } from "#observe/events";
import type { Run } from "#report/model/run";
import type { Figures, Verdict } from "#report/verdict/verdict";
import { verdictsOf } from "#report/verdict/verdict";

type Named<E extends RunEvent["event"]> = Extract<RunEvent, { readonly event: E }>;
export type Sent = Named<"transport:packet_sent">;
export type Received = Named<"transport:packet_received">;

/** The record of a scene, and questions to it. Times are µs. */
export class Evidence {
  readonly name: string;
  readonly events: readonly RunEvent[];
  readonly run: Run;
  /** Of the simulation: equal for equal runs. */
  readonly digest: string;
  #figures: Figures | undefined;

  constructor(name: string, events: readonly RunEvent[], run: Run, digest: string) {
    this.name = name;
    this.events = events;
    this.run = run;
    this.digest = digest;
  }

  /** Events of that name, of one stack or direction, with that cause. */
  all<E extends RunEvent["event"]>(event: E, who: string, cause?: string): Named<E>[] {
    return this.events.filter(
      (each): each is Named<E> =>
        each.event === event && each.who === who && (cause === undefined || ("cause" in each && each.cause === cause)),
    );
  }

  sent(who: string, cause?: string): Sent[] {
    return this.all("transport:packet_sent", who, cause);
  }

  received(who: string, cause?: string): Received[] {
    return this.all("transport:packet_received", who, cause);
  }

  /** The first one, which must be there. */
  first<T>(events: readonly T[]): T {
    const [first] = events;
    if (first === undefined) throw new Error(`scene ${this.name}: what the lesson speaks of did not happen`);
    return first;
  }

  /** The states of a stack's connection, in order. */
  states(who: string): string[] {
    return this.all("connectivity:state_updated", who).map((event) => event.new);
  }

  /** When a stack's connection entered a state first. */
  entered(who: string, state: string): number {
    return this.first(this.all("connectivity:state_updated", who).filter((event) => event.new === state)).time;
  }

  /** How often a timer of a stack expired. */
  expired(who: string, timer: string): number {
    return this.all("recovery:timer_expired", who).filter((event) => event.timer === timer).length;
  }

  /** Packets that the link dropped in that direction. */
  drops(way: string): number {
    return this.all("link:packet_dropped", way).length;
  }

  /** Segments of a stack whose data was sent before. */
  resent(who: string): Sent[] {
    return this.sent(who).filter((event) => event.resent);
  }

  /** The RTT samples of a stack, smallest first. */
  trips(who: string): number[] {
    return this.all("recovery:rtt_updated", who)
      .map((event) => event.sample)
      .sort((a, b) => a - b);
  }

  /** The stack's latest event of that kind at a time. */
  asOf<E extends TraceEvent["event"]>(event: E, who: string, time: number): Named<E> | undefined {
    return this.all(event, who).findLast((each: RunEvent) => each.time <= time);
  }

  /** Of the verdict on the direction with the most data. */
  get figures(): Figures {
    const most = (a: Verdict, b: Verdict) => (b.figures.octets > a.figures.octets ? b : a);
    return (this.#figures ??= verdictsOf(this.run).reduce(most).figures);
  }

  /** Bits per second of that direction. */
  get goodput(): number {
    const { octets, start, end } = this.figures;
    return (octets * 8e6) / (end - start);
  }
}

/** The value in the middle, or at another share, of sorted numbers. */
export function quantile(sorted: readonly number[], share = 0.5): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

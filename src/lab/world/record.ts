/** What is kept of a world's run: its events, for the report, and its packets, for tests. */
import type { EventSink, RunEvent, RunStarted } from "#observe/events";
import { Recorder } from "#observe/recorder";
import type { EngineStack } from "#socket/stack-types";
import type { Wires } from "../sim/simulation.ts";
import { Packets } from "./packets.ts";

/** How many events are kept; a run that has more is shown up to there. */
const EVENTS_MAX = 500_000;

export class Record implements EventSink {
  readonly started: RunStarted;
  readonly events: RunEvent[] = [];
  readonly packets: Packets;
  readonly #recorder = new Recorder([this]);
  #missing = 0;

  /** @param names of hosts by their addresses */
  constructor(about: RunStarted["about"], names: ReadonlyMap<string, string>) {
    this.started = { event: "run:started", time: 0, who: "sim", epoch: null, about };
    this.packets = new Packets(names);
  }

  event(event: RunEvent): void {
    this.packets.event(event);
    if (this.events.length < EVENTS_MAX) this.events.push(event);
    else this.#missing++;
  }

  follow(name: string, stack: EngineStack): void {
    this.#recorder.follow(stack.engine.trace, name, true);
  }

  watch({ there, back }: Wires): void {
    for (const wire of [there, back]) wire.recorder = this.#recorder.observer(wire.link, wire.name);
  }

  /** Takes what the stacks have recorded, before they forget it. */
  read(): void {
    this.#recorder.read();
  }

  /** All events, the last of which says how many are missing. */
  whole(now: number): RunEvent[] {
    if (this.#missing === 0) return this.events;
    return [...this.events, { event: "run:gap", time: now, who: "sim", missing: this.#missing }];
  }
}

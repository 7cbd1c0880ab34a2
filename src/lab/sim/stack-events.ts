import { EV_LIMIT, EV_OPEN, EV_RX, EV_TIMER_SET, EV_TX, type Trace } from "#base/trace";
import { eventOf, eventText } from "#observe/events";
import type { EventLog } from "./event-log.ts";

/** Kinds that follow from others. */
const LEFT_OUT: ReadonlySet<number> = new Set([EV_TX, EV_RX, EV_OPEN, EV_LIMIT, EV_TIMER_SET]);

/** Moves a stack's new trace entries to the log: its decisions and their reasons. The links log the packets. */
export function logStackEvents(trace: Trace, log: EventLog, id: number, name: string): void {
  for (let i = 0; i < trace.size; i++) {
    const kind = trace.kind[i]!;
    if (LEFT_OUT.has(kind)) continue;
    log.decision(trace, i, id);
    if (!log.isRead) continue;
    const connection = trace.connection[i]!;
    log.line(trace.time[i]!, connection < 0 ? name : `${name}#${connection}`, eventText(eventOf(trace, i, name)));
  }
  trace.drain();
}

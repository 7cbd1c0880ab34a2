import { EV_LIMIT, EV_OPEN, EV_RX, EV_TX, type Trace } from "#base/trace";
import { eventOf, eventText } from "#observe/events";
import type { EventLog } from "./event-log.ts";

/** Moves a stack's new trace entries to the log: its decisions and their reasons. The links log the packets. */
export function logStackEvents(trace: Trace, log: EventLog, id: number, name: string): void {
  for (let i = 0; i < trace.size; i++) {
    const kind = trace.kind[i]!;
    if (kind === EV_TX || kind === EV_RX || kind === EV_OPEN || kind === EV_LIMIT) continue;
    log.decision(trace, i, id);
    if (!log.isRead) continue;
    const connection = trace.connection[i]!;
    log.line(trace.time[i]!, connection < 0 ? name : `${name}#${connection}`, eventText(eventOf(trace, i, name)));
  }
  trace.drain();
}

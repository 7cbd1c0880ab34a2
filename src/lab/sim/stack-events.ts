import { EV_RX, EV_TX, type Trace } from "#base/trace";
import { eventOf, eventText } from "#observe/events";
import type { EventLog } from "./event-log.ts";

/**
 * Moves what a stack recorded since the last time to the log: what it decided, and why. Packets are not among it: the links
 * tell them.
 */
export function logStackEvents(trace: Trace, log: EventLog, id: number, name: string): void {
  for (let i = 0; i < trace.size; i++) {
    const kind = trace.kind[i]!;
    if (kind === EV_TX || kind === EV_RX) continue;
    log.decision(trace, i, id);
    if (!log.isRead) continue;
    const connection = trace.connection[i]!;
    log.line(trace.time[i]!, connection < 0 ? name : `${name}#${connection}`, eventText(eventOf(trace, i)));
  }
  trace.drain();
}

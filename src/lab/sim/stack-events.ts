import { markName } from "#base/mark";
import * as T from "#base/trace";
import { stateName } from "#tcp/words/state";
import { TIMER_NAMES } from "#tcp/words/tcb";
import type { EventLog } from "./event-log.ts";

type Say = (a: number, b: number, c: number, d: number) => string;

/** What the records of a stack's trace say, in words. Packets are the links' to tell. */
const WORDS: Readonly<Record<number, Say>> = {
  [T.EV_STATE]: (a, b) => `state ${stateName(a)} ${stateName(b)}`,
  [T.EV_CWND]: (a, b, c) => `cwnd ${a} ssthresh ${b >= 0x7fffffff ? "none" : b} flight ${c}`,
  [T.EV_RTT]: (a, b, c, d) => `rtt ${a} srtt ${Math.round(b)} rttvar ${Math.round(c)} rto ${d}`,
  [T.EV_TIMER]: (a, b) => `timer ${TIMER_NAMES[a]} ${b}`,
  [T.EV_LOST]: (a, b) => `lost ${a}:${a + b}`,
  [T.EV_DROP]: (a) => `drop ${a}`,
};

/** Moves what a stack recorded since the last time to the log: what it decided, and why. */
export function logStackEvents(trace: T.Trace, log: EventLog, id: number, name: string): void {
  for (let i = 0; i < trace.size; i++) {
    const say = WORDS[trace.kind[i]!];
    if (say === undefined) continue;
    log.decision(trace, i, id);
    if (!log.isRead) continue;
    const words = say(trace.a[i]!, trace.b[i]!, trace.c[i]!, trace.d[i]!);
    const cause = trace.cause[i]!;
    const connection = trace.connection[i]!;
    const whose = connection < 0 ? name : `${name}#${connection}`;
    log.line(trace.time[i]!, whose, cause === 0 ? words : `${words} ${markName(cause)}`);
  }
  trace.drain();
}

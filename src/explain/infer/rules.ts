/**
 * The names of what is inferred. Where the stack has a mark for the same decision, it is used, so that the page has one word for one thing;
 * the meaning says that it is inferred.
 */
import "#tcp/words/marks";
import { markByName, markMeaning } from "#base/mark";
import { ruleSection } from "#observe/rules";
import type { Rule } from "#report/model/run";

export const DATA = "tcp.tx.data";
export const SYN_SENT = "tcp.tx.syn";
export const SYN_ANSWER = "tcp.tx.syn-ack";
export const FIN_SENT = "tcp.tx.fin";
export const FAST = "tcp.tx.fast-retransmit";
export const RTO = "tcp.tx.rto";
export const AFTER_RTO = "tcp.tx.loss-recovery";
export const TAIL_PROBE = "tcp.tx.tail-loss-probe";
export const WINDOW_PROBE = "tcp.tx.window-probe";
export const KEEP_ALIVE = "tcp.tx.keep-alive";
/** An ACK with an old sequence number. */
export const OLD_ACK = "none";
export const UNSEEN = "capture.unseen";
export const REORDERED_BEFORE = "capture.reordered";
export const LOST_AFTER = "path.lost-after-capture";
export const LOST_BEFORE = "path.lost-before-capture";

const OWN: Readonly<Record<string, string>> = {
  [UNSEEN]: "not in the capture: it was lost before it came here",
  [REORDERED_BEFORE]: "out of order: others overtook it before it came here",
  [LOST_AFTER]: "lost after the place of the capture",
  [LOST_BEFORE]: "lost before the place of the capture",
};

export function describeInferred(name: string): Rule {
  const mark = markByName(name);
  const meaning = OWN[name] ?? (mark === undefined || name === "none" ? "" : markMeaning(mark));
  return { name, meaning: meaning === "" ? "" : `inferred: ${meaning}`, section: ruleSection(name, meaning) };
}

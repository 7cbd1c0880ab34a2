import { markName } from "#base/mark";
import { counted } from "#observe/units";
import { DROPPED_BY_FILTER } from "#stack/floods";
import type { Facts } from "./voice.ts";

/** The last line of a host that serves many: facts and words. @param counters of the stack, or of all its queues together */
export function servedLine(
  served: number,
  failed: number,
  counters: Readonly<Record<string, number>>,
): { readonly facts: Facts; readonly text: string } {
  const sum = (marks: readonly string[]) => marks.reduce((all, name) => all + (counters[name] ?? 0), 0);
  const dropped = sum(["tcp.rx.limit", "tcp.rx.backlog", "tcp.rx.source-limit", "tcp.rx.syn-flood"]);
  const filtered = sum(DROPPED_BY_FILTER.map(markName));
  const words = [
    `served ${counted(served, "connection")}`,
    ...(failed === 0 ? [] : [`${failed} of them failed`]),
    ...(dropped === 0 ? [] : [`dropped ${counted(dropped, "SYN")} for lack of room`]),
    ...(filtered === 0 ? [] : [`the kernel dropped ${counted(filtered, "packet")} of floods`]),
  ];
  return { facts: { served, failed, dropped, filtered }, text: `· ${words.join(", ")}` };
}

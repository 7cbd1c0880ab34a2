/**
 * A mark names one rule of the stack: why a packet was dropped, why one was sent, why cwnd changed. Every decision has one,
 * and the counters count by it, so one table shows what happened and why.
 * Marks are registered when modules load; remote bytes can never create one.
 */

/** A small integer that indexes `Counters` and `markName`. 0 is "no mark". */
export type Mark = number;

/** Room in every table that is indexed by a mark. */
export const MARKS_MAX = 1024;

const names: string[] = ["none"];
const meanings: string[] = ["no mark"];
const byName = new Map<string, Mark>();

/**
 * Registers a rule under a unique dotted name ("tcp.paws", "ip.bad-checksum") with one line for people.
 * Called at module load only.
 */
export function mark(name: string, meaning: string): Mark {
  if (byName.has(name)) throw new Error(`mark ${name} is registered twice`);
  if (names.length >= MARKS_MAX) throw new Error("too many marks: raise MARKS_MAX");
  const id = names.length;
  names.push(name);
  meanings.push(meaning);
  byName.set(name, id);
  return id;
}

export function markName(id: Mark): string {
  return names[id] ?? `mark-${id}`;
}

export function markMeaning(id: Mark): string {
  return meanings[id] ?? "";
}

/** The mark of that name, or undefined. */
export function markByName(name: string): Mark | undefined {
  return byName.get(name);
}

/** How many marks exist, including "none". */
export function markCount(): number {
  return names.length;
}

import type { Packets, Sacks } from "./run.ts";

interface PacketTables {
  readonly packets: Packets;
  readonly sacks: Sacks;
}

/**
 * The tables with packets in the order of their time; of equal ones the order stays. Packets come out of order if what was cut from a
 * super-segment, or what only its receiver saw, was found later.
 * @param orderOf of two rows at the same time, the one with the lower order comes first. @returns also where a row has gone
 */
export function inOrder(
  tables: PacketTables,
  orderOf: (row: number) => number,
): {
  readonly tables: PacketTables;
  readonly row: (before: number) => number;
} {
  const { packets, sacks } = tables;
  const { time } = packets;
  if (isSorted(time)) return { tables, row: (before) => before };
  const order = Uint32Array.from(time, (_, i) => i).sort((a, b) => time[a]! - time[b]! || orderOf(a) - orderOf(b));
  const place = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) place[order[i]!] = i;
  const moved = Object.fromEntries(
    Object.entries(packets).map(([name, column]: [string, Packets[keyof Packets]]) => {
      const copy = column.slice();
      for (let i = 0; i < order.length; i++) copy[i] = column[order[i]!]!;
      return [name, copy];
    }),
  ) as unknown as Packets;
  return {
    tables: { packets: moved, sacks: { ...sacks, row: sacks.row.map((before) => place[before]!) } },
    row: (before) => place[before]!,
  };
}

function isSorted(time: Float64Array): boolean {
  for (let i = 1; i < time.length; i++) if (time[i]! < time[i - 1]!) return false;
  return true;
}

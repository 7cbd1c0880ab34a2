import { Direction } from "./joiner.ts";
import type { Connection, Packets } from "./run.ts";

/** One end of a connection as a stack knows it. */
export interface Place {
  /** 2 * connection + end. */
  readonly owner: number;
  readonly out: Direction;
  readonly in: Direction;
}

class Known {
  readonly ends: [string, string];
  readonly who: [string, string] = ["", ""];
  /** The directions from end 0 and from end 1. */
  readonly ways: readonly [Direction, Direction];
  /** The ISN of the SYN that a link saw. */
  isn: number | undefined;

  constructor(number: number, opener: string, other: string) {
    this.ends = [opener, other];
    this.ways = [new Direction(number, 0), new Direction(number, 1)];
  }
}

/** Which events are of which connection: stacks have numbers of their own, links know only addresses. */
export class Connections {
  readonly #all: Known[] = [];
  /** The latest connection between two ends. */
  readonly #byEnds = new Map<string, number>();
  readonly #places = new Map<string, Place>();

  /** A stack has made a connection. Of the two ends, the one that is heard of first has opened. */
  started(who: string, id: number, local: string, remote: string): void {
    let number = this.#byEnds.get(key(local, remote)) ?? -1;
    let end = number < 0 ? 0 : this.#all[number]!.ends.indexOf(local);
    // The same ends again: another connection, if this one is known to that stack already.
    if (number < 0 || this.#all[number]!.who[end] !== "") {
      number = this.#add(local, remote);
      end = 0;
    }
    const known = this.#all[number]!;
    known.who[end] = who;
    this.#places.set(`${who}#${id}`, this.#place(number, end));
  }

  /** Where a stack's event belongs. A file may begin in the middle of a connection, whose ends are then unknown. */
  placeOf(who: string, id: number): Place {
    const name = `${who}#${id}`;
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const number = this.#add(name, "");
    this.#all[number]!.who[0] = who;
    const place = this.#place(number, 0);
    this.#places.set(name, place);
    return place;
  }

  /** The direction of a packet on a link. */
  wayOf(source: string, destination: string, flags: string, isn: number | undefined): Direction {
    const ends = key(source, destination);
    let number = this.#byEnds.get(ends) ?? -1;
    const opens = isn !== undefined && !flags.includes("ACK");
    if (number >= 0 && opens) {
      const known = this.#all[number]!;
      if (known.isn !== undefined && known.isn !== isn && known.ends[0] === source) number = -1;
    }
    // An answer without its question comes from the end that was opened to.
    if (number < 0) number = flags === "SYN,ACK" ? this.#add(destination, source) : this.#add(source, destination);
    const known = this.#all[number]!;
    if (opens && known.ends[0] === source) known.isn = isn;
    return known.ways[known.ends[0] === source ? 0 : 1]!;
  }

  /** The direction from that end of a connection. */
  way(connection: number, from: number): Direction {
    return this.#all[connection]!.ways[from]!;
  }

  /** The connections with the times of their packets. */
  finish({ time, connection, length }: Packets): Connection[] {
    const start = this.#all.map(() => Number.POSITIVE_INFINITY);
    const end = this.#all.map(() => 0);
    for (let i = 0; i < length.length; i++) {
      const number = connection[i]!;
      if (number < 0) continue;
      start[number] = Math.min(start[number]!, time[i]!);
      end[number] = Math.max(end[number]!, time[i]!);
    }
    return this.#all.map(({ ends, who }, i) => ({
      ends,
      who,
      start: Math.min(start[i]!, end[i]!),
      end: end[i]!,
    }));
  }

  #add(opener: string, other: string): number {
    const number = this.#all.length;
    this.#all.push(new Known(number, opener, other));
    this.#byEnds.set(key(opener, other), number);
    return number;
  }

  #place(number: number, end: number): Place {
    const { ways } = this.#all[number]!;
    return { owner: 2 * number + end, out: ways[end]!, in: ways[1 - end]! };
  }
}

function key(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}

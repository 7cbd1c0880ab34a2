/** The connections of a capture, found by addresses and ports. Their number is bounded. */
import { Address } from "#ip/address";
import { ACK, SYN } from "#report/model/run";
import type { Segment } from "../capture/segment.ts";
import { Flow } from "./flow.ts";
import type { CaptureTables } from "./tables.ts";

/** Each may need a few kilobytes, and as much as its data in flight needs. */
export const CONNECTIONS_MAX = 20_000;

export interface Found {
  readonly flow: Flow;
  /** The end that sent the segment. */
  readonly from: 0 | 1;
}

export class FlowTable {
  readonly all: Flow[] = [];
  readonly #tables: CaptureTables;
  readonly #byHash = new Map<number, Flow>();
  #found: { flow: Flow; from: 0 | 1 } | null = null;

  constructor(tables: CaptureTables) {
    this.#tables = tables;
  }

  /** The segment's connection, made if it is new; null: there are too many. The result is reused. */
  find(s: Segment): Found | null {
    const hash = hashOf(s);
    let flow = this.#byHash.get(hash) ?? null;
    let from = -1;
    for (; flow !== null; flow = flow.next) if ((from = endOf(flow.key, s)) >= 0) break;
    if (flow === null || flow.isOver(s, from)) {
      if (this.all.length >= CONNECTIONS_MAX) return null;
      flow = this.#make(s);
      from = endOf(flow.key, s);
      // The newest is found first.
      flow.next = this.#byHash.get(hash) ?? null;
      this.#byHash.set(hash, flow);
    }
    this.#found ??= { flow, from: 0 };
    this.#found.flow = flow;
    this.#found.from = from as 0 | 1;
    return this.#found;
  }

  #make(s: Segment): Flow {
    const key = new Int32Array(10);
    const opens = sentByOpener(s) ? 0 : 1;
    key.set(s.addresses.subarray(0, 4), opens * 5);
    key.set(s.addresses.subarray(4, 8), (1 - opens) * 5);
    key[opens * 5 + 4] = s.sourcePort;
    key[(1 - opens) * 5 + 4] = s.destinationPort;
    const flow = new Flow(this.#tables, this.all.length, key, [name(key, 0), name(key, 5)]);
    this.all.push(flow);
    return flow;
  }
}

/** A SYN is the opener's, a SYN,ACK the other's; in the middle of a connection the lower port is probably a service. */
function sentByOpener({ flags, sourcePort, destinationPort }: Segment): boolean {
  if (flags & SYN) return (flags & ACK) === 0;
  return sourcePort >= destinationPort;
}

function hashOf({ addresses: a, sourcePort, destinationPort }: Segment): number {
  const there = mix(a[0]! ^ a[1]! ^ a[2]! ^ a[3]!, sourcePort);
  const back = mix(a[4]! ^ a[5]! ^ a[6]! ^ a[7]!, destinationPort);
  return (there + back) | 0;
}

function mix(word: number, port: number): number {
  const h = Math.imul(word ^ Math.imul(port + 1, 0x9e3779b1), 0x85ebca6b);
  return h ^ (h >>> 15);
}

/** Which end of the connection sent the segment; -1: it is another connection's. */
function endOf(key: Int32Array, s: Segment): number {
  for (const end of [0, 1]) {
    const source = end * 5;
    const destination = 5 - source;
    if (key[source + 4] !== s.sourcePort || key[destination + 4] !== s.destinationPort) continue;
    let i = 0;
    while (i < 4 && key[source + i] === s.addresses[i] && key[destination + i] === s.addresses[4 + i]) i++;
    if (i === 4) return end;
  }
  return -1;
}

function name(key: Int32Array, o: number): string {
  const address = new Address(key[o]!, key[o + 1]!, key[o + 2]!, key[o + 3]!);
  return address.family === 6 ? `[${address}]:${key[o + 4]}` : `${address}:${key[o + 4]}`;
}

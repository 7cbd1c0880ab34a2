/** The line per second of chaos: what passed in each direction, what waits, what was lost. */
import type { Chaos } from "#lab/chaos/chaos";
import type { Voice } from "./voice.ts";
import { dropsOfWay, type WaySample, wayOf } from "./watch/sample.ts";

const INTERVAL_MS = 1000;
/** A shorter transfer has the counts at the end. */
const SECONDS_MIN = 2;

/** Begins with the second second of a transfer. Returns the function that ends it. */
export function tellChaosLines(chaos: Chaos, [a, b]: readonly [string, string], voice: Voice): () => void {
  const ways = [new Way(`${a} > ${b}`), new Way(`${b} > ${a}`)] as const;
  let seconds = 0;
  const timer = setInterval(() => {
    const [out, back] = [ways[0].next(wayOf(chaos.a.outgoing)), ways[1].next(wayOf(chaos.b.outgoing))];
    seconds = out.offered + back.offered > 0 ? seconds + 1 : 0;
    if (seconds < SECONDS_MIN) return;
    voice.event("interval", { out, in: back }, `· ${ways[0].words(out)}   ${ways[1].words(back)}`);
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Packets of one second, and those that wait now. */
interface Second {
  readonly offered: number;
  readonly passed: number;
  readonly lost: number;
  readonly queue: number;
}

class Way {
  readonly #name: string;
  #before = { offered: 0, passed: 0, lost: 0 };

  constructor(name: string) {
    this.#name = name;
  }

  next(way: WaySample): Second {
    const { queue, counts } = way;
    const now = {
      offered: counts["link.offered"] ?? 0,
      passed: counts["link.delivered"] ?? 0,
      lost: dropsOfWay(way),
    };
    const before = this.#before;
    this.#before = now;
    return {
      offered: now.offered - before.offered,
      passed: now.passed - before.passed,
      lost: now.lost - before.lost,
      queue,
    };
  }

  words({ passed, lost, queue }: Second): string {
    return [
      `${this.#name} ${passed} packets/s`,
      ...(lost > 0 ? [`lost ${lost}`] : []),
      ...(queue > 0 ? [`queue ${queue}`] : []),
    ].join("  ");
  }
}

/**
 * Prints what came of random conversations: digests of the random simulation, and of each step of connections with a
 * peer that says this and that. What is counted by `preload.ts` goes to standard error.
 *
 *     PREDICTION=off bun --preload test/support/prediction/preload.ts test/support/prediction/run.ts SEEDS CONVERSATIONS
 */
import { createHash } from "node:crypto";
import type { Tcb } from "#tcp/words/tcb";
import { trySeed } from "../../sim/swarm/swarm.ts";
import { TcpBench } from "../tcp-bench.ts";

const [seeds = 10, conversations = 100] = process.argv.slice(2).map(Number);
/** What belongs to the stack, or to nobody. */
const FOREIGN = [
  "env",
  "params",
  "local",
  "remote",
  "congestion",
  "controller",
  "listener",
  "sendQueue",
  "receiveQueue",
  "user",
];

for (let seed = 1; seed <= seeds; seed++) console.log(`seed ${seed}: ${trySeed(seed).report.digest}`);
for (let seed = 1; seed <= conversations; seed++) console.log(`conversation ${seed}: ${conversation(seed)}`);
console.error((globalThis as unknown as { predicted?: number }).predicted);

function conversation(seed: number): string {
  let state = seed * 7919;
  const random = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % n;
  };
  const hash = createHash("sha256");
  const timestamps = random(2) === 0;
  // Half of the receivers count memory, in a buffer so small that segments are collapsed and dropped.
  const memory = { receiveBufferCounts: "memory", receiveBuffer: 6_000, receiveBufferMax: 6_000 } as const;
  const params = { sack: true, timestamps, windowScale: true, sendBuffer: 100_000, ...(seed % 2 === 0 ? memory : {}) };
  const b = new TcpBench({ params });
  b.established({ mss: 1000, sackOk: random(4) > 0, wscale: 7, ...(timestamps ? { ts: [1, 0] as const } : {}) });
  let win = 500;
  for (let i = 0; i < 80; i++) {
    b.peerTs += random(3) === 0 ? random(5) : 0;
    if (random(15) === 0) win = 1 + random(600);
    const una = ((b.tcb.snd.una >>> 0) - b.iss) | 0;
    const ack = [b.peerExpects, b.peerExpects, una, una + Math.min(1000, b.peerExpects - una), una + 1][random(5)]!;
    const usual = { win, ack: Math.min(ack, b.peerExpects) };
    switch (random(10)) {
      case 0:
      case 1:
        b.send(1 + random(5000));
        break;
      case 2:
      case 3:
      case 4:
        b.in(random(3) === 0 ? "P." : ".", usual);
        break;
      case 5:
      case 6:
        b.in(random(3) === 0 ? "P." : ".", { ...usual, n: 1 + random(1000) });
        break;
      case 7:
        b.in(".", { ...usual, n: 500, seq: b.peerNxt + 1000 * (random(4) - 2) });
        break;
      case 8:
        b.run(random(4) === 0 ? 300_000 : random(20_000));
        break;
      case 9:
        if (random(2) === 0) b.read();
        else if (b.peerExpects - una > 2000) b.in(".", { win, ack: una, sack: [[una + 1000, una + 2000]] });
        break;
    }
    hash.update(dump(b.tcb));
    for (const line of b.lines()) hash.update(line);
    if (b.state !== "ESTABLISHED") break;
  }
  hash.update(JSON.stringify(b.stack.counters.snapshot()));
  return hash.digest("hex").slice(0, 16);
}

function dump(tcb: Tcb): string {
  const { records } = tcb.env;
  const list: number[] = [];
  for (let r = tcb.board.head; r >= 0; r = records.next[r]!) {
    list.push(records.start[r]!, records.end[r]!, records.time[r]!, records.flags[r]!, records.segments[r]!);
  }
  const own = Object.entries(tcb).filter(([name]) => !FOREIGN.includes(name));
  // Its ranges name the connection that they belong to.
  return JSON.stringify(own, (key, value: unknown) => (key === "owner" ? undefined : value)) + list.join();
}

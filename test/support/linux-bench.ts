/** A connection with Linux' sender on a path of 100 ms, and segments by number: segment i is [1 + i M, 1 + (i + 1) M). */
import { PROFILES } from "#lab/drill/targets/stack/settings";
import type { TcpSettings } from "#tcp/words/params";
import { TcpBench } from "./tcp-bench.ts";

export const M = 1000;
export const RTT = 100_000;
export const CHARACTERISTICS = { window: 60_000 };

const PARAMS: TcpSettings = {
  ...PROFILES.linux,
  congestionControl: "newreno",
  sack: true,
  timestamps: false,
  windowScale: false,
};

/** Established, nothing sent yet. */
export function lone(params: TcpSettings, win = CHARACTERISTICS.window): TcpBench {
  const b = new TcpBench({ params: { ...PARAMS, ...params } }).listen();
  b.in("S", { mss: M, sackOk: true }).out();
  b.run(RTT);
  b.in(".", { win });
  b.tcb = b.stack.accept(b.listener!)!;
  return b;
}

/** `n` segments in flight of `queued`. */
export function flight(n: number, queued: number, params: TcpSettings = {}): TcpBench {
  const b = lone({ initialWindow: n, ...params });
  b.send(queued * M);
  const sent = b.out().length;
  if (sent !== n) throw new Error(`${sent} segments went, not ${n}`);
  return b;
}

export function ack(b: TcpBench, upTo: number, ...sack: [number, number][]): void {
  const at = (i: number) => 1 + i * M;
  const given = { seq: 1, ack: at(upTo), win: CHARACTERISTICS.window };
  b.in(".", sack.length > 0 ? { ...given, sack: sack.map(([l, r]) => [at(l), at(r)] as const) } : given);
}

/** Numbers of the segments that went. */
export function starts(b: TcpBench): number[] {
  return b.out().map((x) => (x.seq - 1) / M);
}

import type { TcpBench } from "./tcp-bench.ts";

/** Every event that was traced, but for the number of the record. */
export function traced({ stack: { trace } }: TcpBench): unknown[] {
  const all = Array.from({ length: trace.size }, (_, i) => [
    trace.time[i],
    trace.kind[i],
    trace.cause[i],
    trace.connection[i],
    trace.a[i],
    trace.b[i],
    trace.c[i],
    trace.d[i],
  ]);
  trace.drain();
  return all;
}

/** Every field of the packets that go out now. */
export function saidBy(b: TcpBench): unknown[] {
  return b.out().map(({ line, win: window, ts, tos, ttl, dontFragment, cause, kinds, at }) => {
    return [line, window, ts, tos, ttl, dontFragment, cause, kinds, at];
  });
}

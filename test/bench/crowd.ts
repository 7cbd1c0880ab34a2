/**
 * `bun test/bench/crowd.ts [N]`: N idle connections (default 100,000) between two stacks in one process. How long each thousand takes to
 * open, the memory of a connection with both of its ends, the processor time while all are idle, and the memory after all have gone.
 */
import { createStack, pair } from "../../src/index.ts";

const N = Number(process.argv[2] ?? 100_000);
const AT_ONCE = 64;
/** A client has 16,384 ports for each destination. */
const PORTS = Array.from({ length: Math.ceil(N / 12_000) }, (_, i) => 7_000 + i);

const rss = () => process.memoryUsage().rss;
const [a, b] = pair({ queueLength: 4_096 });
const limits = { connections: 2 * N, memory: 64 << 20 };
const host = await createStack({ device: a, address: "10.0.0.7/24", limits });
const peer = await createStack({ device: b, address: "10.0.0.5/24", limits });
const options = { keepAlive: { idle: 120_000 } } as const;
const quiet = { data: () => undefined };
for (const port of PORTS) host.listen({ port, backlog: 1_024, ...options, socket: quiet });

/** ms that each thousand took. */
const thousands: number[] = [];
const sockets = new Set<{ abort(): void }>();
Bun.gc(true);
const before = rss();
await new Promise<void>((resolve, reject) => {
  let [asked, opened] = [0, 0];
  let since = performance.now();
  const handlers = {
    ...quiet,
    open() {
      opened++;
      if (opened % 1_000 === 0) {
        const now = performance.now();
        thousands.push(now - since);
        since = now;
      }
      if (opened === N) resolve();
      else connect();
    },
    close(_: unknown, error: Error | null) {
      if (error !== null) reject(error);
    },
  };
  const connect = () => {
    if (asked === N) return;
    const port = PORTS[asked++ % PORTS.length]!;
    sockets.add(peer.connect({ hostname: "10.0.0.7", port }, { ...options, socket: handlers }));
  };
  for (let i = 0; i < AT_ONCE; i++) connect();
});
await Bun.sleep(3_000);
Bun.gc(true);
const idle = rss();
const cpu = process.cpuUsage();
await Bun.sleep(5_000);
const { user, system } = process.cpuUsage(cpu);
for (const socket of sockets) socket.abort();
sockets.clear();
await Bun.sleep(5_000);
Bun.gc(true);

// The compiler is not at rest during the first ones.
const first = Math.max(...thousands.slice(3, 8));
const slowest = Math.max(...thousands.slice(8));
const rows: readonly (readonly [string, string])[] = [
  ["connections", N.toLocaleString("en-US")],
  ["slowest thousand of the first 3,000 to 8,000", `${first.toFixed(0)} ms`],
  ["slowest thousand after them", `${slowest.toFixed(0)} ms, ${(slowest / first).toFixed(2)} times that`],
  ["resident memory of a connection, both ends", `${((idle - before) / N / 1_000).toFixed(2)} kB`],
  ["processor while all are idle", ((user + system) / 5e6).toFixed(4)],
  [
    "memory before, with all, after all have gone",
    [before, idle, rss()].map((n) => `${(n / 1e6).toFixed(0)} MB`).join(", "),
  ],
];
for (const [what, value] of rows) console.log(`${what.padEnd(48)}${value}`);
process.exit(0);

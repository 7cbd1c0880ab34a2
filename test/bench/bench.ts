/**
 * Bulk transfer over two TUN devices with the kernel's forwarding between them, in a namespace of its own: `tcpnet peer
 * --source` to `tcpnet host --discard`, beside the pump, which is our own device without a stack. With
 * TUNCEIL=/path/to/tunceil.c and gcc at hand, the same pump in C. Look at the ratios: machines are noisy. SECONDS counts
 * from the second second of a transfer on: in the first, the engine compiles what it sees.
 *
 *     bun run build && bun test/bench/bench.ts [SECONDS]
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Namespace, unavailable, withNamespace } from "../support/netns.ts";

const SECONDS = process.argv[2] ?? "2";
const SHAPES = [
  // Ours carry 12 bytes of TCP options, as a connection with timestamps does.
  { name: "64 KB GSO", size: "65535", gso: "1448", gsoInC: "1460" },
  { name: "1,500 B", size: "1500", gso: "0", gsoInC: "0" },
] as const;

interface Row {
  readonly what: string;
  readonly gbps: number;
  readonly writeNs: number;
  readonly readNs: number;
}

/** Writer and reader have a processor each, as those of tunceil. */
const pinned = (cpu: number, command: string[]) =>
  Bun.which("taskset") === null ? command : ["taskset", "-c", String(cpu), ...command];
const pump = (...args: string[]) => [process.execPath, "test/bench/pump.ts", ...args];

async function forwarding<T>(work: (ns: Namespace) => Promise<T>): Promise<T> {
  return withNamespace(async (ns) => {
    await ns.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    return work(ns);
  });
}

async function ours(size: string, gso: string): Promise<Omit<Row, "what">> {
  const cost = await forwarding(async (ns) => JSON.parse(await ns.must(pinned(0, pump("calls", size, gso, SECONDS)))));
  const gbps = await forwarding(async (ns) => {
    const reader = ns.spawn(pinned(1, pump("read", SECONDS)));
    const lines = reader.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await lines.read();
    await ns.must(pinned(0, pump("write", size, gso, String(Number(SECONDS) + 0.3))));
    return JSON.parse((await lines.read()).value!).gbps;
  });
  return { gbps, writeNs: cost.write_fwd_ns, readNs: cost.read_ns };
}

async function theirs(program: string, size: string, gso: string): Promise<Omit<Row, "what">> {
  const run = (mode: string) =>
    forwarding(async (ns) => JSON.parse(await ns.must([program, mode, size, "1", gso, SECONDS])));
  const cost = await run("seq");
  return { gbps: (await run("fwd")).recv_gbps, writeNs: cost.write_fwd_ns, readNs: cost.read_ns };
}

interface Transfer {
  /** Gbit/s of the first second, in which most of the program is still being compiled, and of all that follows. */
  readonly first: number;
  readonly then: number;
}

/** Two processes of the compiled program, one CPU each, as people run them. */
async function tcpnet(flags: readonly string[]): Promise<Transfer> {
  return forwarding(async (ns) => {
    const common = ["--json", ...flags];
    const host = ns.spawn(pinned(1, ["./tcpnet", "host", "tun0", "10.0.0.1/24", "10.0.1.5", "--discard", ...common]));
    const told = new Response(host.stderr).text();
    const peer = ns.spawn(
      pinned(0, ["./tcpnet", "peer", "tun1", "10.0.1.1/24", "10.0.0.7", "--source", "9T", ...common]),
    );
    // The host tells once per second what has come.
    await Bun.sleep((Number(SECONDS) + 2.5) * 1000);
    peer.kill("SIGKILL");
    host.kill("SIGTERM");
    const intervals = (await told)
      .split("\n")
      .filter((line) => line.includes('"event":"interval"'))
      .map((line) => JSON.parse(line) as { t: number; received: { bytes: number } });
    const [one, last] = [intervals[0], intervals[Number(SECONDS)]];
    if (one === undefined || last === undefined) throw new Error("host told too little");
    const gbps = (bytes: number, seconds: number) => (bytes * 8) / seconds / 1e9;
    const then = gbps(last.received.bytes - one.received.bytes, last.t - one.t);
    return { first: gbps(one.received.bytes, 1), then };
  });
}

async function main(): Promise<void> {
  if (unavailable !== "") throw new Error(unavailable);
  if (!existsSync("tcpnet")) throw new Error("there is no ./tcpnet here: bun run build");
  const rows: Row[] = [];
  const ends: (Transfer & { what: string; reference: string })[] = [];
  for (const { name, gso } of SHAPES) {
    const flags = gso === "0" ? ["--no-offload"] : [];
    ends.push({ what: `tcpnet → tcpnet, ${name}`, reference: name, ...(await tcpnet(flags)) });
  }
  for (const { name, size, gso } of SHAPES) rows.push({ what: `pump, ${name}`, ...(await ours(size, gso)) });
  const source = process.env.TUNCEIL;
  if (source !== undefined && Bun.which("gcc") !== null) {
    const folder = mkdtempSync(join(tmpdir(), "tcpnet-bench-"));
    const program = join(folder, "tunceil");
    await Bun.$`gcc -O2 -w -o ${program} ${source}`;
    for (const { name, size, gso } of SHAPES) rows.push({ what: `C, ${name}`, ...(await theirs(program, size, gso)) });
    rmSync(folder, { recursive: true });
  }
  for (const { what, first, then, reference } of ends) {
    const beside = rows.filter((row) => row.what.endsWith(reference));
    const ratios = beside.map((row) => `${(then / row.gbps).toFixed(2)} of the ${row.what.split(",")[0]}`);
    const warm = `(its first second: ${first.toFixed(2)})`;
    console.log(`${what.padEnd(28)}${then.toFixed(2).padStart(8)} Gbit/s   ${ratios.join(", ")}   ${warm}`);
  }
  console.log("\n                      Gbit/s   write+forward ns   read ns");
  for (const { what, gbps, writeNs, readNs } of rows)
    console.log(
      `${what.padEnd(20)}${gbps.toFixed(2).padStart(8)}${String(writeNs).padStart(19)}${String(readNs).padStart(10)}`,
    );
}

await main();

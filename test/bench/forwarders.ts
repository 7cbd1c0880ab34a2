/**
 * Throughput of `tcpnet run` beside slirp4netns and pasta (Debian: slirp4netns, passt, iperf3), each in turn, as root:
 *
 *     bun test/bench/forwarders.ts [ROUNDS] [SECONDS]
 *
 * An iperf3 client in each one's network talks to an iperf3 server on this machine's loopback. Prints a table of medians in Gbit/s.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [rounds = 3, seconds = 4] = process.argv.slice(2).map(Number);
const PORT = 15_201;
const folder = mkdtempSync(join(tmpdir(), "tcpnet-forwarders-"));
const program = join(folder, "tcpnet");
const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;

/** The command that runs another one in the forwarder's network, in which the server has `address`. */
interface Forwarder {
  readonly name: string;
  readonly address: string;
  readonly words: readonly string[];
}

const SLIRP = `pid=$$; mkfifo "$0"; unshare --net sh -c 'echo $$ > "$0"; read go < "$0"; exec "$@"' "$0" "$@" & command=$!
read target < "$0"; slirp4netns --configure --mtu=65520 $target tap0 > /dev/null 2>&1 & slirp=$!
sleep 1.5; echo go > "$0"; wait $command; code=$?; kill $slirp; rm -f "$0"; exit $code`;

const FORWARDERS: readonly Forwarder[] = [
  { name: "tcpnet run", address: "10.0.2.2", words: [program, "run", "--host-loopback", "--"] },
  {
    name: "pasta",
    address: "169.254.9.9",
    words: [
      "pasta",
      "--config-net",
      "--runas",
      "0",
      "-f",
      "--address",
      "169.254.9.100",
      "--gateway",
      "169.254.9.9",
    ].concat(["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--"]),
  },
  { name: "slirp4netns", address: "10.0.2.2", words: ["sh", "-c", SLIRP, join(folder, "fifo")] },
];

async function measured({ address, words }: Forwarder, back: boolean): Promise<number> {
  const client = [
    "iperf3",
    "-c",
    address,
    "-p",
    `${PORT}`,
    "-t",
    `${seconds}`,
    "-O",
    "1",
    "-J",
    ...(back ? ["-R"] : []),
  ];
  const child = Bun.spawn([...words, ...client], { ...quiet, stdout: "pipe" });
  const timer = setTimeout(() => child.kill(), (seconds + 20) * 1000);
  const text = await child.stdout.text();
  await child.exited;
  clearTimeout(timer);
  try {
    return JSON.parse(text).end.sum_received.bits_per_second / 1e9;
  } catch {
    return Number.NaN;
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const building = Bun.spawn([process.execPath, join(import.meta.dir, "../../src/cli/build.ts"), program], quiet);
if ((await building.exited) !== 0) throw new Error("the program could not be built");
const server = Bun.spawn(["iperf3", "-s", "-B", "127.0.0.1", "-p", `${PORT}`], quiet);
try {
  const results = FORWARDERS.map(() => ({ up: [] as number[], down: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, forwarder] of FORWARDERS.entries()) {
      results[i]!.up.push(await measured(forwarder, false));
      results[i]!.down.push(await measured(forwarder, true));
    }
  }
  console.log("| Gbit/s | from the command | to the command |\n| --- | --- | --- |");
  for (const [i, { name }] of FORWARDERS.entries()) {
    const cells = [results[i]!.up, results[i]!.down].map((all) => {
      const each = all.map((value) => value.toFixed(1)).join(" ");
      return `**${median(all).toFixed(1)}** (${each})`;
    });
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
} finally {
  server.kill();
  await server.exited;
  rmSync(folder, { recursive: true, force: true });
}

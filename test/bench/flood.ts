/**
 * What a flood leaves of an established transfer, and how long new connections wait meanwhile. Server, client and flood run in a private
 * network: the client is the kernel's TCP, and the kernel forwards the flood's packets to the server's TUN device.
 *
 *     bun test/bench/flood.ts [KINDS] [PACKETS_PER_SECOND] [ROUNDS]      e.g. syn,rst 100000 5
 *
 * Medians of the rounds; each measures without the flood, then under it.
 */
import { type Namespace, withNamespace } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";
import { KINDS, type Kind } from "./flood/packets.ts";

const kinds = (process.argv[2] ?? KINDS.join(",")).split(",") as Kind[];
const rate = Number(process.argv[3] ?? 100_000);
const rounds = Number(process.argv[4] ?? 5);
const seconds = 1.5;
const HERE = `${ROOT}test/bench/flood`;

interface ServerFigures {
  readonly at: number;
  readonly octets: number;
  readonly rss: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** A program that answers a line with a line. */
class Program {
  readonly process: ReturnType<Namespace["spawn"]>;
  readonly #lines: AsyncIterator<string>;

  constructor(ns: Namespace, script: string) {
    this.process = ns.spawn([process.execPath, `${HERE}/${script}`]);
    this.#lines = linesOf(this.process.stdout);
    void this.process.stderr.text().then((text) => process.stderr.write(text));
  }

  async ready(): Promise<void> {
    await this.#next();
  }

  async ask<T>(): Promise<T> {
    this.process.stdin.write("\n");
    this.process.stdin.flush();
    return JSON.parse(await this.#next()) as T;
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("a program has ended");
    return value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

interface Measured {
  /** Octets per second. */
  readonly goodput: number;
  readonly rss: number;
  /** How long a connection took to be open, and to be answered, ms, sorted. */
  readonly connects: readonly number[];
  readonly answers: readonly number[];
  readonly counters: Readonly<Record<string, number>>;
}

async function measure(server: Program, client: Program, ms: number): Promise<Measured> {
  await client.ask();
  const before = await server.ask<ServerFigures>();
  await Bun.sleep(ms);
  const after = await server.ask<ServerFigures>();
  const served = await client.ask<[number, number][]>();
  const sorted = (which: 0 | 1) => served.map((each) => each[which]).sort((a, b) => a - b);
  const counters: Record<string, number> = {};
  for (const [name, n] of Object.entries(after.counters)) {
    if (n > (before.counters[name] ?? 0)) counters[name] = n - (before.counters[name] ?? 0);
  }
  return {
    goodput: ((after.octets - before.octets) / (after.at - before.at)) * 1000,
    rss: after.rss,
    connects: sorted(0),
    answers: sorted(1),
    counters,
  };
}

const at = (sorted: readonly number[], part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)}`;

const median = (values: number[]) =>
  at(
    values.sort((a, b) => a - b),
    0.5,
  );

interface Round {
  readonly without: Measured;
  readonly under: Measured;
  /** Packets per second. */
  readonly sent: number;
}

async function roundOf(ns: Namespace, kind: Kind, server: Program, client: Program): Promise<Round> {
  const without = await measure(server, client, seconds * 1000);
  const flood = ns.spawn([process.execPath, `${HERE}/sender.ts`, kind, String(rate), String(seconds + 1.5)]);
  // It makes its packets, and the engine compiles it.
  await Bun.sleep(1_000);
  const under = await measure(server, client, seconds * 1000);
  const sent = Number(await flood.stdout.text());
  const error = await flood.stderr.text();
  if (error !== "") throw new Error(error);
  // What was lost is repaired.
  await Bun.sleep(300);
  return { without, under, sent };
}

async function within(ns: Namespace): Promise<void> {
  const forward = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"];
  await ns.must(["sysctl", "-qw", ...forward]);
  await ns.must(["ip", "route", "add", "blackhole", "10.99.0.0/16"]);
  const server = new Program(ns, "server.ts");
  await server.ready();
  const client = new Program(ns, "client.ts");
  await client.ready();
  await measure(server, client, 2_000);
  console.log(
    "| flood | packets/s | without | under it | ratio | connections | open after, ms: 50, 99, 100 % | answered after | resident |",
  );
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const kind of kinds) {
    const done: Round[] = [];
    while (done.length < rounds) done.push(await roundOf(ns, kind, server, client));
    const gbits = (goodput: number) => `${((goodput * 8) / 1e9).toFixed(1)} Gbit/s`;
    const [without, under] = [done.map((each) => each.without.goodput), done.map((each) => each.under.goodput)];
    const all = (which: "connects" | "answers") => done.flatMap(({ under }) => under[which]).sort((a, b) => a - b);
    const of = (sorted: readonly number[]) => [0.5, 0.99, 1].map((part) => ms(at(sorted, part))).join(", ");
    const cells = [kind, median(done.map(({ sent }) => sent)).toLocaleString("en")];
    cells.push(gbits(median(without)), gbits(median(under)), (median(under) / median(without)).toFixed(2));
    cells.push(String(all("connects").length), of(all("connects")), of(all("answers")));
    cells.push(`${(Math.max(...done.map(({ under }) => under.rss)) / 1e6).toFixed(0)} MB`);
    console.log(`| ${cells.join(" | ")} |`);
    if (process.env.COUNTERS) console.log(done.at(-1)!.under.counters);
  }
  client.process.kill("SIGKILL");
  server.process.stdin.end();
}

await withNamespace(within);

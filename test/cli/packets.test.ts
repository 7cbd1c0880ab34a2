import { expect, test } from "bun:test";
import { EV_TX, Trace } from "#base/trace";
import { Narrator } from "#cli/narrator";
import { Voice } from "#cli/voice";
import { TX_FAST } from "#tcp/words/marks";
import { ACK } from "#wire/tcp";
import { TCPNET } from "../support/built-program.ts";

async function tcpnet(...args: string[]) {
  const child = Bun.spawn([...TCPNET, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", LANG: "C.UTF-8" },
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

const SIM = ["sim", "--bytes", "60k", "--rtt", "40ms", "--rate", "5mbit", "--loss", "4%", "--seed", "6"];

test("sim --packets prints every segment of both ends and every drop, then the table; --json the same as objects", async () => {
  const plain = await tcpnet(...SIM, "--packets");
  const json = await tcpnet(...SIM, "--packets", "--json");
  const events = await tcpnet(...SIM, "--events", "-");
  expect([plain.code, json.code, plain.err, json.err]).toEqual([0, 0, "", ""]);
  const recorded = events.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const count = (pattern: RegExp) => recorded.filter(({ event }) => pattern.test(event)).length;
  const lines = plain.out.split("\n");
  expect(lines.filter((line) => /^ +\d+\.\d{3} {2}(left |right) │ → /.test(line)).length).toBe(count(/packet_sent/));
  expect(lines.filter((line) => /^ +\d+\.\d{3} {2}(left |right) │ ← /.test(line)).length).toBe(
    count(/packet_received/),
  );
  const drops = lines.filter((line) => /^ +\d+\.\d{3} {2}✗ (left>right|right>left) {2}(seq|ack) /.test(line));
  expect(drops.length).toBe(count(/link:packet_dropped/));
  expect(drops.length).toBeGreaterThan(0);
  expect(plain.out).toMatch(/sack \d+-\d+/);
  expect(plain.out).not.toContain(" ! ");
  expect(plain.out).toContain("of virtual time");
  const objects = json.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(objects.pop().schema).toBe("tcpnet.sim/1");
  const sent = objects.filter(({ event }) => event === "transport:packet_sent");
  const { text: _, ...first } = sent[0];
  expect(recorded).toContainEqual(first);
  for (const { seq, length, window } of sent) expect([seq, length, window].every(Number.isInteger)).toBe(true);
});

test("sim --explain tells a closed window, its probes, and when it opens; two flows are told apart", async () => {
  const stalled = await tcpnet(
    "sim",
    "--bytes",
    "200k",
    "--rtt",
    "20ms",
    "--buffer",
    "64k",
    "--stall",
    "50ms-3s",
    "--explain",
  );
  expect(stalled.out).toMatch(/left {2}│ ← ACK .*window 0: the receiver's buffer is full\n/);
  expect(stalled.out).toMatch(/left {2}│ ! probe 1 in \d+ ms, unless the window opens\n/);
  expect(stalled.out).toMatch(/left {2}│ ← ACK .*window open again after 2\.\d s\n/);
  expect(stalled.out).toMatch(/! slow start: cwnd [\d.]+ kB grows/);
  const two = await tcpnet("sim", "--bytes", "20k", "--flows", "2", "--packets");
  expect(new Set(two.out.match(/left#\d+/g)).size).toBe(2);
});

test("a run without lines excludes a flag that prints them: 2", async () => {
  for (const flag of ["--packets", "--explain"]) {
    const { code, err } = await tcpnet("host", "tun0", "10.0.0.1/24", "10.0.1.5", "--quiet", flag);
    expect([code, err.includes(`--quiet and ${flag} exclude each other`)]).toEqual([2, true]);
  }
});

test("without --packets, retransmissions are told one by one as long as they are few, and the rest is counted", () => {
  const lines: Record<string, unknown>[] = [];
  const voice = new Voice("json", (line) => lines.push(JSON.parse(line)));
  const narrator = new Narrator(voice);
  const trace = new Trace(100);
  for (let i = 0; i < 51; i++) trace.record(performance.now() * 1000, EV_TX, TX_FAST, 3, 1 + i * 1448, 1448, ACK, 1);
  narrator.read(trace);
  voice.tellCounts();
  const each = lines.filter(({ event }) => event === "transport:packet_sent");
  expect(each[1]).toMatchObject({
    connection: 3,
    resent: true,
    seq: 1449,
    length: 1448,
    cause: "tcp.tx.fast-retransmit",
  });
  const [rest] = lines.filter(({ event }) => event === "counted");
  expect(each.length + Number(rest!.count)).toBe(51);
  expect(`${rest!.text}`).toMatch(/… \d+ more retransmissions in this second$/);
});

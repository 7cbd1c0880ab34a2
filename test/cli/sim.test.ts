import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";
import { ROOT } from "../support/netns.ts";

async function sim(...flags: string[]) {
  const child = Bun.spawn([...TCPNET, "sim", ...flags], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

const hash = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

test("--events - twice gives one hash; the table goes to standard error then", async () => {
  const flags = ["--seed", "1", "--bytes", "300k", "--rtt", "40ms", "--loss", "2%", "--events", "-"];
  const [one, two] = [await sim(...flags), await sim(...flags)];
  expect(one.out.split("\n").length).toBeGreaterThan(300);
  expect(hash(one.out)).toBe(hash(two.out));
  expect(one.err).toContain("of virtual time");
  expect(hash((await sim(...flags, "--reverse")).out)).not.toBe(hash(one.out));
});

test("--json says what the table says, and --events FILE holds what - prints", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sim-"));
  const file = join(folder, "events");
  const flags = ["--bytes", "100k", "--rtt", "40ms", "--flows", "2", "--cc", "newreno,cubic"];
  const { code, out } = await sim(...flags, "--json", "--events", file);
  const result = JSON.parse(out);
  expect([code, result.schema, result.flows.length]).toEqual([0, "tcpnet.sim/1", 2]);
  expect(result.flows.map((flow: { congestionControl: string }) => flow.congestionControl)).toEqual([
    "newreno",
    "cubic",
  ]);
  expect(result.flows.map((flow: { bytes: number }) => flow.bytes)).toEqual([100_000, 100_000]);
  expect(readFileSync(file, "utf8")).toBe((await sim(...flags, "--events", "-")).out);
  rmSync(folder, { recursive: true });
});

test("--omit leaves out the beginning; what leaves nothing is refused", async () => {
  const flags = ["--rtt", "40ms", "--rate", "10mbit", "--queue", "100", "--time", "10s"];
  const [whole, rest] = await Promise.all([sim(...flags), sim(...flags, "--omit", "2s")]);
  const goodput = ({ out }: { out: string }) => Number(/([\d.]+) Mbit/.exec(out)?.[1]);
  expect(goodput(rest)).toBeGreaterThan(goodput(whole));
  expect(rest.out).toMatch(/^queue there {4}half waited at most \S+ ms, 95 % \S+ ms, all \S+ ms$/m);
  expect(await sim("--time", "5s", "--omit", "5s")).toEqual({
    code: 2,
    out: "",
    err: expect.stringContaining("--omit 5s leaves nothing of --time 5s"),
  });
});

test("an hour of virtual time takes seconds", async () => {
  const { out } = await sim("--time", "1h", "--rtt", "200ms", "--rate", "100kbit", "--json");
  expect(JSON.parse(out).time).toBe(3600);
});

test("without any flag it runs over a link that takes time, and says which", async () => {
  const { code, out } = await sim();
  expect([code, out]).toEqual([0, expect.stringMatching(/^link {2}delay 20ms rate 10mbit queue 100, seed 1\n/)]);
});

test("what was to be sent and was not when the time was over is a failure; without an end there is none", async () => {
  const late = await sim("--time", "1s", "--bytes", "10M");
  expect([late.code, late.out]).toEqual([1, expect.stringMatching(/ MB +no /)]);
  expect((await sim("--time", "1s")).code).toBe(0);
});

test("what is wrong is told with what to type, and nothing runs", async () => {
  for (const [flags, words] of [
    [["--cc", "renno"], "newreno"],
    [["--stall", "5s"], "--stall 5s-10s"],
    [["--bidir", "--reverse"], "exclude each other"],
    [["--rtt", "40ms", "--delay", "20ms"], "twice the delay"],
    [["--bytes", "0"], "--bytes 10M"],
    [["--flows", "0"], "from 1 to 1000"],
    [["--events", "/nonexistent/file"], "its folder does not exist"],
    [["--link", "delay 20ms los 1%"], "           ^\n"],
    [["--rtt", "40"], "40ms or 40s"],
    [["--queue", "0"], "needs a rate or a trace"],
    [["--time", "0s"], "--time 60s"],
    [["--time", "5"], "--time 5 has no unit"],
    [["--stall", "5-10"], "has no unit"],
    [["--time", "1s", "--loss", "1%"], "add --rate 10mbit"],
    [["--buffer", "0"], "from 1k to 1G"],
    [["--speed", "2"], "add --watch"],
    [["--watch", "--speed", "fast"], "a number from 0.001 to 1000, or max"],
    [["--watch", "--speed", "0"], "--speed 0.1 for slow motion"],
    [["--watch", "--json"], "--json and --watch exclude each other"],
  ] as const) {
    const { code, out, err } = await sim(...flags);
    expect([flags, code === 0, out, err.includes(words)]).toEqual([flags, false, "", true]);
  }
});

test("--watch without a terminal has a line per virtual second and sender, and the same result", async () => {
  const flags = ["--bytes", "3M", "--bidir"];
  const [plain, watched] = [await sim(...flags), await sim(...flags, "--watch")];
  expect([watched.code, watched.out]).toEqual([0, plain.out]);
  const line =
    /^ [1-4]\.000 {2}#0 (there|back ) out +[\d.]+ .B +[\d.]+ .bit\/s {2}retr \d+ {2}cwnd [\d.]+ kB {2}rtt [\d.]+ ms$/;
  const lines = watched.err.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(4);
  for (const each of lines) expect(each).toMatch(line);
});

test("--speed holds virtual time back, and Ctrl-C ends it with the table of what there is", async () => {
  const began = performance.now();
  const slow = await sim("--watch", "--bytes", "20k", "--rtt", "200ms", "--speed", "0.5");
  // Handshake, one flight and the FIN: more than half a virtual second.
  expect([slow.code, performance.now() - began > 1000]).toEqual([0, true]);
  const child = Bun.spawn([...TCPNET, "sim", "--watch", "--speed", "0.5", "--bytes", "10M"], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  for await (const piece of child.stderr) if (new TextDecoder().decode(piece).includes("out ")) break;
  child.kill("SIGINT");
  const out = await child.stdout.text();
  expect([await child.exited, out]).toEqual([130, expect.stringMatching(/ MB +no /)]);
});

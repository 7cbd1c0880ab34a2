/** `--save` and `tcpnet replay`: a run is opened elsewhere, and a simulation goes the same way again. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ReplayRecord } from "#observe/replay";
import { cliFolder } from "../support/cli-folder.ts";
import { ROOT } from "../support/root.ts";

const { at, tcpnet } = cliFolder("replay");

const RUN = ["sim", "--bytes", "100k", "--rtt", "40ms", "--loss", "2%", "--seed", "4", "--no-sack"];

/** A file as `--save` writes it, with other words. */
function saved(name: string, command: string, flags: Record<string, string>, digest: string | null): string {
  const record = new ReplayRecord({ program: "tcpnet 0.0.1", command, arguments: [], flags, files: {} });
  record.event({ event: "run:started", time: 0, who: command, epoch: null, about: { command } });
  writeFileSync(at(name), Buffer.concat(record.end(digest)));
  return at(name);
}

let digest = "";
beforeAll(async () => {
  const { out } = await tcpnet(...RUN, "--save", at("run.replay"), "--events", at("run.ndjson"));
  digest = /digest (\w+)/.exec(out)![1]!;
});

test("a simulation is run again and has the same digest; the page, the events and the command come out", async () => {
  const { code, out, err } = await tcpnet(
    "replay",
    at("run.replay"),
    "-o",
    at("page.html"),
    "--events",
    at("again.ndjson"),
  );
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`the same: digest ${digest}`);
  expect(out).toContain("tcpnet sim --no-sack --bytes 100k --rtt 40ms --loss 2% --seed 4\n");
  expect(out).toMatch(/verdict +100 kB in/);
  expect(readFileSync(at("page.html"), "utf8")).toStartWith("<!doctype html>");
  expect(readFileSync(at("again.ndjson"), "utf8")).toBe(readFileSync(at("run.ndjson"), "utf8"));
  const json = await tcpnet("replay", at("run.replay"), "--json", "-o", at("page.html"));
  expect(JSON.parse(json.out)).toMatchObject({
    schema: "tcpnet.replay-result/1",
    digest,
    repeated: { digest, same: true },
  });
});

test("it writes what is asked for, and the page if nothing else is; what was there before is said to be overwritten", async () => {
  const replay = (...args: string[]) => tcpnet("replay", "run.replay", ...args);
  const events = await replay("--events", "a.ndjson");
  expect([events.code, events.err, existsSync(at("report.html"))]).toEqual([0, "", false]);
  expect(events.out).toEndWith("  events   a.ndjson\n");
  const plain = await replay();
  expect([plain.code, existsSync(at("report.html"))]).toEqual([0, true]);
  expect(plain.out).toEndWith("  page     report.html\n");
  const again = await replay("-o", "report.html", "--events", "a.ndjson");
  expect(again.out).toEndWith("  page     report.html (overwritten)\n  events   a.ndjson (overwritten)\n");
  const json = JSON.parse((await replay("--json", "--events", "b.ndjson")).out);
  expect([json.path, json.written]).toEqual([null, [{ kind: "events", path: "b.ndjson", overwritten: false }]]);
  expect((await tcpnet("report", "run.ndjson")).out).toEndWith("report: report.html (overwritten)\n");
});

test("events on standard output are alone there, and neither the page nor a capture goes there with them", async () => {
  const { code, out, err } = await tcpnet("replay", at("run.replay"), "--events", "-");
  expect([code, out]).toEqual([0, readFileSync(at("run.ndjson"), "utf8")]);
  expect(err).toContain("  events   standard output\n");
  const both = await tcpnet("replay", at("run.replay"), "--events", "-", "-o", "-");
  expect([both.code, both.out, both.err]).toEqual([2, "", expect.stringContaining("both the events and the page")]);
  const capture = await tcpnet("replay", at("run.replay"), "-w", "-");
  expect([capture.code, capture.out, capture.err]).toEqual([2, "", expect.stringContaining("-w run.pcapng")]);
});

test("report, export and diff read it as they read the events", async () => {
  const csv = async (name: string) => (await tcpnet("export", at(name), "-f", "csv")).out;
  expect(await csv("run.replay")).toBe(await csv("run.ndjson"));
  expect((await tcpnet("report", at("run.replay"), "-o", at("r.html"))).code).toBe(0);
  expect((await tcpnet("diff", at("run.replay"), at("run.ndjson"))).code).toBe(0);
});

test("a trace of the link is in the file: it need not be there any more", async () => {
  writeFileSync(at("link.trace"), "1\n3\n4\n9\n");
  const sim = ["sim", "--bytes", "50k", "--link", `trace ${at("link.trace")} delay 5ms`, "--save", at("trace.replay")];
  expect((await tcpnet(...sim)).code).toBe(0);
  rmSync(at("link.trace"));
  const { code, out } = await tcpnet("replay", at("trace.replay"), "-o", at("page.html"));
  expect([code, out]).toEqual([0, expect.stringContaining("the same: digest")]);
});

test("a demo is shown as it was recorded, with both captures", async () => {
  const demo = [
    "demo",
    "--memory",
    "--size",
    "50k",
    "--loss",
    "1%",
    "--seed",
    "3",
    "-w",
    at("d.pcapng"),
    "--save",
    at("d.replay"),
  ];
  const run = await tcpnet(...demo);
  expect([run.code, run.out + run.err]).toEqual([0, expect.stringContaining("d.replay: open it with tcpnet replay")]);
  const { code, out, err } = await tcpnet("replay", at("d.replay"), "-o", at("page.html"), "-w", at("out.pcapng"));
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain("recorded in real time");
  expect(out).toContain("capture  d.pcapng, d-host.pcapng\n");
  expect(out).toContain(`packets  ${at("out.pcapng")}\n  packets  ${at("d-host.pcapng")} (overwritten)\n`);
  expect(readFileSync(at("out.pcapng")).equals(readFileSync(at("d.pcapng")))).toBe(true);
});

test("a simulation keeps the captures of both stacks, and a script of drill what it recorded", async () => {
  const run = ["sim", "--bytes", "20k", "--rtt", "10ms", "-w", at("s.pcapng"), "--save", at("s.replay")];
  expect((await tcpnet(...run)).code).toBe(0);
  const kept = readFileSync(at("s.pcapng"));
  const right = readFileSync(at("s-right.pcapng"));
  for (const name of ["s.pcapng", "s-right.pcapng"]) rmSync(at(name));
  const sim = await tcpnet("replay", at("s.replay"), "-o", at("page.html"), "-w", at("left.pcapng"));
  expect([sim.code, sim.out]).toEqual([0, expect.stringContaining("capture  s.pcapng, s-right.pcapng")]);
  expect(readFileSync(at("left.pcapng")).equals(kept)).toBe(true);
  expect(readFileSync(at("s-right.pcapng")).equals(right)).toBe(true);
  const script = join(ROOT, "test/drill/delayed-ack/small-segments.pkt");
  expect((await tcpnet("drill", script, "--save", at("drill.replay"), "-w", at("drill.pcapng"))).code).toBe(0);
  const drill = await tcpnet("replay", at("drill.replay"), "-o", at("page.html"), "-w", at("again.pcapng"));
  expect([drill.code, drill.out]).toEqual([0, expect.stringContaining("scripts: it is shown as it was")]);
  expect(readFileSync(at("again.pcapng")).equals(readFileSync(at("drill.pcapng")))).toBe(true);
  const kernel = await tcpnet("drill", script, "--kernel", "--save", at("x.replay"));
  expect([kernel.code, kernel.err]).toEqual([2, expect.stringContaining("--kernel cannot use --save")]);
});

test("a capture is no record: report, export and diff name the command that reads it", async () => {
  expect((await tcpnet("sim", "--bytes", "20k", "-w", at("c.pcapng"))).code).toBe(0);
  for (const args of [
    ["report", at("c.pcapng")],
    ["export", at("c.pcapng"), "--format", "csv"],
    ["diff", at("c.pcapng"), at("run.ndjson")],
  ]) {
    const { code, err } = await tcpnet(...args);
    expect([args[0], code, err]).toEqual([args[0], 5, expect.stringContaining(`explain ${at("c.pcapng")}`)]);
  }
});

test("a simulation that goes differently is told, with exit code 1", async () => {
  const other = saved("other.replay", "sim", { bytes: "10k", sack: "true", timestamps: "true" }, "0123456789abcdef");
  const { code, out } = await tcpnet("replay", other, "-o", at("page.html"));
  expect([code, out]).toEqual([
    1,
    expect.stringMatching(/different: digest \w{16} instead of 0123456789abcdef; tcpnet .* than tcpnet 0\.0\.1/),
  ]);
});

test("what is no replay file, or asks for what a file may not, is told in words, and no page is written", async () => {
  const whole = readFileSync(at("run.replay"));
  writeFileSync(at("torn"), whole.subarray(0, whole.length - 30));
  writeFileSync(at("empty"), "");
  writeFileSync(at("binary"), crypto.getRandomValues(new Uint8Array(60_000)));
  writeFileSync(at("gzip"), Bun.gzipSync("nothing of the kind"));
  for (const [code, words, ...args] of [
    [5, "it is not whole", at("torn")],
    [5, "is not a replay file", at("empty")],
    [5, "is not a replay file", at("binary")],
    [5, "is not a replay file", at("run.ndjson")],
    [5, "no replay file of tcpnet", at("gzip")],
    [5, "there is no congestion control", saved("code", "sim", { bytes: "10k", cc: "./evil.ts" }, "00")],
    [5, "/etc/passwd is not in the file", saved("trace", "sim", { bytes: "10k", link: "trace /etc/passwd" }, "00")],
    [5, "--seed x is not a number", saved("seed", "sim", { seed: "x" }, "00")],
    [5, "is no simulation", saved("host", "host", {}, "00")],
    [1, "it does not exist", at("absent")],
    [2, "are the same file", at("run.replay"), "-o", at("run.replay")],
    [1, "the disk is full", at("run.replay"), "-o", "/dev/full"],
    [2, "replay needs <file>"],
  ] as const) {
    const typed: readonly string[] = args;
    const given = typed.includes("-o") || typed.length === 0 ? typed : [...typed, "-o", at("none.html")];
    const told = await tcpnet("replay", ...given);
    expect([args, told.code, told.err]).toEqual([args, code, expect.stringContaining(words)]);
    expect(told.err).not.toContain("bug");
  }
  expect(existsSync(at("none.html"))).toBe(false);
  for (const [words, ...args] of [
    ["--save needs a file", ...RUN, "--save", "-"],
    ["are the same file", ...RUN, "--save", at("same"), "--events", at("same")],
    [
      "--save cannot keep a congestion control of your own",
      "sim",
      "--bytes",
      "10k",
      "--cc",
      join(import.meta.dir, "../../examples/delay-control.ts"),
      "--save",
      at("x"),
    ],
    ["--save needs a file", "demo", "--save", "-"],
  ] as const) {
    const told = await tcpnet(...args);
    expect([args, told.code, told.err]).toEqual([args, 2, expect.stringContaining(words)]);
  }
  const full = await tcpnet(...RUN, "--save", "/dev/full");
  expect([full.code, full.err]).toEqual([1, expect.stringContaining("the disk is full")]);
});

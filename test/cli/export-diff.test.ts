/** `tcpnet export` and `tcpnet diff`: results, exit codes, and what they say about files that are none. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cliFolder } from "../support/cli-folder.ts";

const { at, tcpnet } = cliFolder("export");

const RUN = ["sim", "--bytes", "200k", "--rtt", "40ms", "--rate", "10mbit", "--seed", "4"];

beforeAll(async () => {
  await tcpnet(...RUN, "--events", at("good.ndjson"));
  await tcpnet(...RUN, "--loss", "5%", "--events", at("lossy.ndjson"));
  const good = readFileSync(at("good.ndjson"));
  writeFileSync(at("torn.ndjson"), good.subarray(0, good.length - 40));
  writeFileSync(at("empty"), "");
  writeFileSync(at("text"), "nothing of the kind\n");
  writeFileSync(at("binary"), crypto.getRandomValues(new Uint8Array(60_000)));
  writeFileSync(at("other"), '{"schema":"tcpnet.event/1","event":"start"}\n');
  writeFileSync(at("head"), `${good.toString().split("\n")[0]}\n`);
});

/** What is no record of a run, and what is said of it. */
const BAD = [
  ["empty", "is empty"],
  ["text", "is not an event file"],
  ["binary", "is not an event file"],
  ["other", "and this program reads tcpnet.event/2"],
  ["head", "there is nothing to"],
] as const;

test("export writes the format that is named, or that the name of the output tells, to a file or to standard output", async () => {
  for (const [name, begin] of [
    ["run.sqlog", '\x1e{"qlog_version":"0.3"'],
    ["run.qlog", '\x1e{"qlog_version":"0.3"'],
    ["run.json", '{"displayTimeUnit":"ms","traceEvents":['],
    ["run.csv", "time_s,who,connection,"],
  ] as const) {
    const told = await tcpnet("export", at("good.ndjson"), "-o", at(name));
    expect([name, told]).toEqual([name, { code: 0, out: "", err: "" }]);
    expect(readFileSync(at(name), "utf8")).toStartWith(begin);
  }
  const out = await tcpnet("export", at("good.ndjson"), "--format", "csv");
  expect([out.code, out.out]).toEqual([0, readFileSync(at("run.csv"), "utf8")]);
  const slow = await tcpnet("export", at("good.ndjson"), "-f", "csv", "--interval", "1s");
  expect(slow.out.split("\r\n").length).toBeLessThan(out.out.split("\r\n").length);
  JSON.parse(readFileSync(at("run.json"), "utf8"));
});

test("export says what is wrong, with an exit code, and leaves the file of before alone", async () => {
  writeFileSync(at("kept.csv"), "kept");
  for (const [name, words] of BAD) {
    const { code, out, err } = await tcpnet("export", at(name), "-o", at("kept.csv"));
    expect([name, code, out, err.includes(words)]).toEqual([name, 5, "", true]);
  }
  const absent = await tcpnet("export", at("absent"), "-o", at("kept.csv"));
  expect([absent.code, absent.err]).toEqual([1, expect.stringContaining("it does not exist")]);
  expect(readFileSync(at("kept.csv"), "utf8")).toBe("kept");
  const full = await tcpnet("export", at("good.ndjson"), "-f", "csv", "-o", "/dev/full");
  expect([full.code, full.err]).toEqual([1, expect.stringContaining("the disk is full")]);
  const torn = await tcpnet("export", at("torn.ndjson"), "-f", "csv");
  expect([torn.code, torn.err]).toEqual([0, expect.stringContaining("1 line could not be read, and is left out")]);
  for (const [words, ...args] of [
    ["which format?", at("good.ndjson")],
    ["which format?", at("good.ndjson"), "-o", at("x.txt")],
    ["there is no format pcap", at("good.ndjson"), "--format", "pcap"],
    ["--format perfetto", at("good.ndjson"), "--format", "perfeto"],
    ["--interval has no effect", at("good.ndjson"), "--format", "qlog", "--interval", "1s"],
    ["is too short", at("good.ndjson"), "--format", "csv", "--interval", "1us"],
    ["are the same file", at("good.ndjson"), "--format", "csv", "-o", at("good.ndjson")],
    ["export needs <files>"],
  ] as const) {
    const { code, err } = await tcpnet("export", ...args);
    expect([args, code, err]).toEqual([args, 2, expect.stringContaining(words)]);
  }
  expect(existsSync(at("x.txt"))).toBe(false);
});

test("diff ends with 0 if nothing is worse, and with 1 if something is by more than the threshold", async () => {
  const same = await tcpnet("diff", at("good.ndjson"), at("good.ndjson"));
  expect([same.code, same.err]).toEqual([0, ""]);
  expect(same.out).toEndWith("nothing is worse by more than 5 %\n");
  const worse = await tcpnet("diff", at("good.ndjson"), at("lossy.ndjson"));
  expect([worse.code, worse.err]).toEqual([1, ""]);
  expect(worse.out).toMatch(/^link +delay 20ms rate 10mbit → delay 20ms loss 5% rate 10mbit$/m);
  expect(worse.out).toMatch(/^goodput +[\d.]+ Mbit\/s +[\d.]+ [kM]bit\/s +-[\d.]+ % +worse$/m);
  expect(worse.out).toMatch(/ of 4 worse by more than 5 %\n$/);
  expect((await tcpnet("diff", at("good.ndjson"), at("lossy.ndjson"), "--threshold", "100%")).code).toBe(0);
  const json = await tcpnet("diff", at("good.ndjson"), at("lossy.ndjson"), "--json");
  const { schema, worse: isWorse, connections, settings } = JSON.parse(json.out);
  expect([json.code, schema, isWorse, connections.length, Object.keys(settings)]).toEqual([
    1,
    "tcpnet.diff/1",
    true,
    1,
    ["link"],
  ]);
  expect(connections[0].differences[0]).toMatchObject({ name: "goodput", unit: "bit/s", worse: expect.any(Number) });
});

test("diff tells a run that is worse from one that cannot be read", async () => {
  for (const [name, words] of [...BAD, ["absent", "it does not exist"]] as const) {
    const { code, out, err } = await tcpnet("diff", at("good.ndjson"), at(name));
    expect([name, code, out, err.includes(words)]).toEqual([name, 5, "", true]);
  }
  for (const [words, ...args] of [
    ["--threshold 101% is not a percentage", at("good.ndjson"), at("good.ndjson"), "--threshold", "101%"],
    ["standard input can be only one of the two", "-", "-"],
    ["diff needs <after>", at("good.ndjson")],
  ] as const) {
    const { code, err } = await tcpnet("diff", ...args);
    expect([args, code, err]).toEqual([args, 2, expect.stringContaining(words)]);
  }
});

test("diff of host's file with peer's says that these are the ends of one run, and which command shows both", async () => {
  const [head, ...rest] = readFileSync(at("good.ndjson"), "utf8").split("\n");
  for (const role of ["host", "peer"]) {
    writeFileSync(at(`${role}.ndjson`), [JSON.stringify({ ...JSON.parse(head!), role }), ...rest].join("\n"));
  }
  const { code, out, err } = await tcpnet("diff", at("host.ndjson"), at("peer.ndjson"));
  expect([code, out]).toEqual([0, expect.stringContaining("role  host → peer")]);
  expect(err).toContain("host.ndjson was recorded by host, peer.ndjson by peer");
  expect(err).toMatch(/report \S+host\.ndjson \S+peer\.ndjson/);
  expect((await tcpnet("diff", at("host.ndjson"), at("host.ndjson"))).err).toBe("");
});

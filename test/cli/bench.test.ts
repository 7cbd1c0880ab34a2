/** `tcpnet bench` without a network: what it refuses, and how two results are compared. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchClientOptions, benchServerOptions } from "#cli/bench-options";
import { planOf } from "#cli/bench-versus";
import type { CliError } from "#cli/cli-error";
import { Flags } from "#cli/flags";
import { compared, median, versusTable } from "#lab/bench/versus";
import { ROOT } from "../support/netns.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tcpnet-bench-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function bench(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, `${ROOT}src/cli/main.ts`, "bench", ...args], {
    env: { ...process.env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

const result = (bits: number) => JSON.stringify({ end: { sum_received: { bits_per_second: bits } } });

test("diff: exit code 0 if nothing is worse, 1 if something is worse by more than the threshold", async () => {
  const [a, b] = [file("a.json", result(10e9)), file("b.json", result(9e9))];
  const worse = await bench("diff", a, b);
  expect([worse.code, worse.out]).toEqual([
    1,
    [
      "                                     before          after     change",
      "received                     10.0 Gbits/sec 9.00 Gbits/sec    -10.0 %   worse",
      "",
      "1 of 1 worse by more than 5 %",
      "",
    ].join("\n"),
  ]);
  const same = await bench("diff", a, b, "--threshold", "10%");
  expect([same.code, same.out]).toEqual([0, expect.stringContaining("nothing is worse by more than 10 %")]);
  const better = await bench("diff", b, a, "--json");
  expect([better.code, JSON.parse(better.out)]).toMatchObject([0, { threshold: 5, worse: false }]);
});

test("diff: bad files and a bad call are told in words", async () => {
  const good = file("good.json", result(1));
  const rr = file("rr.json", JSON.stringify({ end: { tcpnet: { transactions_per_second: 5 } } }));
  const tries: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [2, /bench diff needs two files/, [good]],
    [2, /bench diff needs two files/, [good, good, good]],
    [
      1,
      /cannot read .*absent\.json: it does not exist|cannot read .*absent\.json/,
      [good, join(folder, "absent.json")],
    ],
    [1, /is a directory/, [folder, good]],
    [1, /bad\.json has no benchmark result/, [good, file("bad.json", "{")]],
    [1, /have no figure in common/, [good, rr]],
    [2, /--rr has no effect on bench diff/, [good, good, "--rr"]],
    [2, /--threshold 101% is not a percentage/, [good, good, "--threshold", "101%"]],
  ];
  for (const [code, words, args] of tries) {
    const said = await bench("diff", ...args);
    expect([args, said.code, said.err]).toEqual([args, code, expect.stringMatching(words)]);
    expect(said.err).not.toContain("bug");
  }
});

test("without saying what to run, or with two things, bench says what there is", async () => {
  expect((await bench()).err).toContain("bench needs -s, -c, --vs or diff");
  expect((await bench("-s", "-c", "tun0")).err).toContain("-s and -c exclude each other");
  expect((await bench("-c", "tun1", "10.0.1.1/24")).err).toMatch(
    /bench -c needs <server>\n +for example: \S+ bench -c tun1/,
  );
  expect((await bench("-s")).err).toContain("bench -s needs <tun> and <cidr>");
  const json = await bench("-c", "tun1", "10.0.1.1/24", "10.0.1.9", "-J");
  expect([json.code, JSON.parse(json.err).exitCode ?? 2]).toEqual([2, 2]);
});

const CLIENT = ["tun1", "10.0.1.1/24", "10.0.0.7"];
const client = (values: Record<string, string> = {}) =>
  benchClientOptions({ args: CLIENT, flags: new Flags({ offload: "true", ...values }) });
const server = (args: readonly string[], values: Record<string, string> = {}) =>
  benchServerOptions({ args, flags: new Flags({ offload: "true", ...values }) });

test("the client's flags mean what iperf3's mean", () => {
  expect(client().parameters).toEqual({
    mode: "bulk",
    time: 10,
    omit: 0,
    num: 0,
    parallel: 1,
    reverse: false,
    bidirectional: false,
    len: 131_072,
    bandwidth: 0,
    congestion: "",
  });
  expect([client().port, client().interval, client().patience, client().view]).toEqual([5201, 1, 10_000, "text"]);
  expect(client({ time: "2.5" }).parameters.time).toBe(2.5);
  expect(client({ time: "1min" }).parameters.time).toBe(60);
  expect(["100M", "100mbit", "1G", "9600", "1.5m"].map((bitrate) => client({ bitrate }).parameters.bandwidth)).toEqual([
    1e8, 1e8, 1e9, 9600, 1.5e6,
  ]);
  expect([client({ rr: "true" }).parameters.len, client({ crr: "true", len: "100" }).parameters.len]).toEqual([1, 100]);
  expect(client({ congestion: "newreno" }).parameters.congestion).toBe("newreno");
});

test("a server without <remote> lets anybody connect, and keeps --local", () => {
  const where = (args: readonly string[], values = {}) => {
    const { local, remote } = server(args, values).device.endpoint;
    return [`${local}`, remote === null ? null : `${remote}`];
  };
  expect(where(["tun0", "10.0.0.1/24"])).toEqual(["10.0.0.7", null]);
  expect(where(["tun0", "10.0.0.1/24"], { local: "10.0.0.9" })).toEqual(["10.0.0.9", null]);
  expect(where(["tun0", "10.0.0.1/24", "10.0.1.5"])).toEqual(["10.0.0.7", "10.0.1.5"]);
  expect(where(["tun0", "10.0.0.1/24", "10.0.1.5"], { local: "10.0.0.9" })).toEqual(["10.0.0.9", "10.0.1.5"]);
  let said: CliError | null = null;
  try {
    server(["tun0", "10.0.0.1/24"], { reverse: "true" });
  } catch (error) {
    said = error as CliError;
  }
  expect([said?.exitCode, said?.what]).toEqual([2, "--reverse has no effect on bench -s"]);
});

test("--vs: usual tests, or the one that is named", () => {
  const names = (values: Record<string, string>) =>
    planOf({ args: [], flags: new Flags({ offload: "true", ...values }) }).tests.map(({ name }) => name);
  expect(names({ vs: "kernel" })).toEqual(["bulk", "rr", "crr"]);
  expect(names({ vs: "kernel", parallel: "64" })).toEqual(["bulk -P 64", "rr -P 64", "crr -P 64"]);
  expect(names({ vs: "kernel", reverse: "true" })).toEqual(["reverse"]);
  expect(names({ vs: "kernel", crr: "true", len: "100" })).toEqual(["crr -l 100"]);
  expect(names({ vs: "pump" })).toEqual(["bulk", "bulk no offload"]);
  expect(() => names({ vs: "pump", rr: "true" })).toThrow("the pump only moves data in one direction");
  expect(() => names({ vs: "x" })).toThrow("--vs x is not possible");
  for (const [flag, value] of Object.entries({
    loss: "1%",
    mtu: "900",
    port: "5",
    quiet: "true",
    user: "x",
    oneOff: "true",
  })) {
    expect(() => names({ vs: "kernel", [flag]: value })).toThrow("has no effect on bench --vs");
  }
});

test("ratios are those of the medians", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0]);
  const row = compared({ name: "bulk", unit: "bit/s", tcpnet: [8e9, 1e9, 6e9], other: [12e9, 11e9, 90e9] });
  expect([row.tcpnet.median, row.other.median, row.ratio]).toEqual([6e9, 12e9, 0.5]);
  const lines = versusTable([row], "kernel");
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  expect(lines[1]).toBe("bulk                6.00 Gbits/sec 12.0 Gbits/sec   0.50    -83+33%    -8+650%");
});

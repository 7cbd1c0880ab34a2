import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";

const GOOD = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tcpnet-drill-"));
  writeFileSync(join(folder, "good.pkt"), `${GOOD}+0 < S 0:0(0) win 9 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n`);
  writeFileSync(join(folder, "bad.pkt"), `${GOOD}+0 < S 0:0(0) win 9 <mss 1000>\n+0 > S. 0:0(0) ack 2 <mss 1460>\n`);
  writeFileSync(join(folder, "foreign.pkt"), `${GOOD}+0 \`iptables -F\`\n`);
  writeFileSync(join(folder, "defined.pkt"), `${GOOD}#ifdef WRONG\n+0 listen(9, 1) = 0\n#endif\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function drill(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...TCPNET, "drill", ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

test("0: all pass; 3: none failed, but one is unsupported; 1: one failed, whatever else", async () => {
  expect(await drill("good.pkt")).toMatchObject({ code: 0, stderr: "" });
  expect(await drill("good.pkt", "foreign.pkt")).toMatchObject({ code: 3, stderr: "" });
  const { code, stdout } = await drill(".");
  expect(code).toBe(1);
  expect(stdout).toMatch(/FAIL +bad\.pkt:5: the packet differs in ack/);
  expect(stdout).toMatch(/ok +good\.pkt/);
  expect(stdout).toContain("unsupported foreign.pkt:4: unsupported: command iptables -F");
  expect(stdout).toContain("4 scripts: 2 ok, 1 failed, 1 unsupported");
});

test("words and options may be given several times, and a profile", async () => {
  expect(await drill("defined.pkt", "-D", "OTHER", "--define", "WRONG=1")).toMatchObject({ code: 1 });
  expect(await drill("good.pkt", "-o", "mtu=1000", "--option", "bind_port=99")).toMatchObject({ code: 1 });
  expect(await drill("good.pkt", "--profile", "freebsd", "--strict", "--seed", "5")).toMatchObject({ code: 0 });
});

test("--neutral leaves windows free, --tolerance the time; a folder says for whom its scripts are", async () => {
  writeFileSync(
    join(folder, "window.pkt.txt"),
    `${GOOD}+0 < S 0:0(0) win 9 <mss 1000>\n+.02 > S. 0:0(0) ack 1 win 7 <mss 1460>\n`,
  );
  expect(await drill("window.pkt.txt")).toMatchObject({ code: 1 });
  expect(await drill("--neutral", "window.pkt.txt", "--tolerance", "30ms")).toMatchObject({ code: 0 });
  expect(await drill("--tolerance", "30", "good.pkt")).toMatchObject({ code: 2 });
  mkdirSync(join(folder, "others"));
  writeFileSync(join(folder, "others/drill.options"), "--profile=freebsd\n");
  writeFileSync(join(folder, "others/theirs.pkt"), `#ifndef STANDARD\n0 close(9) = 0\n#endif\n${GOOD}`);
  expect(await drill("others")).toMatchObject({ code: 0 });
  expect(await drill("others", "--profile", "linux")).toMatchObject({ code: 1 });
  rmSync(join(folder, "others"), { recursive: true });
});

test("--json is one object per script, --verbose prints packets, --pcap writes them", async () => {
  const { stdout } = await drill("good.pkt", "bad.pkt", "--json", "--pcap", "out.pcap");
  const objects = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(objects).toMatchObject([
    { status: "ok", packets: 2 },
    { status: "fail", line: 5 },
  ]);
  const bytes = await Bun.file(join(folder, "out.pcap")).bytes();
  expect([...bytes.subarray(0, 4)]).toEqual([0xa1, 0xb2, 0x3c, 0x4d]);
  expect((await drill("good.pkt", "--verbose")).stdout).toContain("0.000000 > S. 0:0(0) ack 1 win");
});

test("--pcap - writes the packets to standard output, and the results to standard error", async () => {
  const child = (...more: string[]) =>
    Bun.spawn([...TCPNET, "drill", "good.pkt", "--pcap", "-", ...more], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  await drill("good.pkt", "--pcap", "same.pcap");
  const same = await Bun.file(join(folder, "same.pcap")).bytes();
  const plain = child();
  expect(await plain.stdout.bytes()).toEqual(same);
  expect(await plain.stderr.text()).toMatch(/^ok +good\.pkt.*\n1 script: 1 ok, .*\n$/);
  expect(await plain.exited).toBe(0);
  const json = child("--json");
  expect(await json.stdout.bytes()).toEqual(same);
  expect(JSON.parse(await json.stderr.text())).toMatchObject({ status: "ok", packets: 2 });
  expect(existsSync(join(folder, "-"))).toBe(false);
});

test("a file that cannot be written is told before anything runs, and no folder is made for it", async () => {
  const { code, stdout, stderr } = await drill("good.pkt", "--pcap", "none/out.pcap");
  expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/cannot write none\/out\.pcap/)]);
  expect(existsSync(join(folder, "none"))).toBe(false);
});

test("a full disk is told with the name of the file", async () => {
  const { code, stdout, stderr } = await drill("good.pkt", "--pcap", "/dev/full");
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^ok +good\.pkt\n/)]);
  expect(stderr).toBe("[error] cannot write /dev/full\n        the disk is full (ENOSPC)\n");
});

test("what cannot be run is told in words with 2", async () => {
  const cases: readonly [string[], RegExp][] = [
    [[], /drill needs <scripts>/],
    [["missing.pkt"], /there is no file or folder missing\.pkt/],
    [["good.pkt", "--profile", "linus"], /there is no profile linus[\s\S]*--profile linux/],
    [["good.pkt", "--define", "=1"], /--define =1 cannot be understood/],
    [["good.pkt", "--seed", "x"], /--seed x is/],
    [["good.pkt", "-o", "mtu=x"], /--option[\s\S]*--mtu=N/],
    [["good.pkt", "-o", "ip_version=ipv7"], /--option[\s\S]*ipv4, ipv6/],
  ];
  for (const [args, words] of cases) {
    const { code, stdout, stderr } = await drill(...args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toMatch(words);
  }
});

test("a script that is none cannot garble the terminal, however long it is", async () => {
  await Bun.write(join(folder, "odd", "binary.pkt"), "\u0000\u001b[31m");
  await Bun.write(join(folder, "odd", "long.pkt"), "x".repeat(100_000));
  const { code, stdout } = await drill("odd");
  expect(code).toBe(1);
  expect(stdout).toMatch(/FAIL +odd\/binary\.pkt:1:1: .*\\x00/);
  expect(stdout).not.toMatch(/[^\n\P{Cc}]/u);
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThan(600);
  rmSync(join(folder, "odd"), { recursive: true });
});

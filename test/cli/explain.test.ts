/** `tcpnet explain`: words, page, exit codes, and what it says of files that are no captures. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { captured } from "../explain/lab.ts";
import { cliFolder } from "../support/cli-folder.ts";

const { at, withInput } = cliFolder("explain");
const tcpnet = (args: readonly string[], stdin?: Uint8Array) => withInput(stdin, args);

const small = { receiveBuffer: 65_535, receiveBufferMax: 65_535, windowScale: false };
const { pcap } = captured({ link: "delay 40ms rate 100mbit queue 500", seed: 1, bytes: 1_000_000, params: small });
writeFileSync(at("slow.pcap"), pcap.sender);
writeFileSync(at("slow.pcap.gz"), Bun.gzipSync(pcap.sender as Uint8Array<ArrayBuffer>));

test("a window without scaling: the limit, its bound, and who did not offer scaling", async () => {
  const { code, out, err } = await tcpnet(["explain", "slow.pcap"]);
  expect([code, err]).toEqual([0, ""]);
  const words = out.replace(/\s+/g, " ");
  expect(words).toMatch(/slow\.pcap: \d[\d,]* TCP packets, 1 connection/);
  expect(words).toContain("All of this is inferred from the packets");
  expect(words).toMatch(/\d+ % limited by the receiver's window/);
  expect(words).toMatch(/65\.\d kB of window per round trip of 80\.\d ms are 6\.5\d Mbit\/s at most/);
  expect(words).toMatch(/Window scaling was not offered by 10\.0\.0\.7:\d+, so no window is larger than 64 KiB/);
});

test("gzip, standard input and the file itself say the same; --json has numbers; -o writes the page", async () => {
  const plain = await tcpnet(["explain", "slow.pcap", "--json"]);
  const { verdicts, inferred } = JSON.parse(plain.out);
  expect([inferred, verdicts[0].octets]).toEqual([true, 1_000_000]);
  for (const run of [
    await tcpnet(["explain", "slow.pcap.gz", "--json"]),
    await tcpnet(["explain", "-", "--json"], pcap.sender),
    await tcpnet(["explain", "-", "--json"], Bun.gzipSync(pcap.sender as Uint8Array<ArrayBuffer>)),
  ])
    expect([run.code, JSON.parse(run.out).verdicts]).toEqual([0, verdicts]);
  const page = await tcpnet(["explain", "slow.pcap", "-o", "page.html"]);
  expect([page.code, page.out.includes("report: page.html")]).toEqual([0, true]);
  const html = readFileSync(at("page.html"), "utf8");
  expect([html.startsWith("<!doctype html>"), html.includes('"inferred"')]).toEqual([true, true]);
  const piped = await tcpnet(["explain", "slow.pcap", "-o", "-"]);
  expect([piped.out.startsWith("<!doctype html>"), piped.err.includes("1 connection")]).toEqual([true, true]);
});

test("--only chooses by address, port or both", async () => {
  for (const only of ["7000", "10.0.1.5", "10.0.1.5:7000"])
    expect([only, (await tcpnet(["explain", "slow.pcap", "--only", only])).code]).toEqual([only, 0]);
  const none = await tcpnet(["explain", "slow.pcap", "--only", "10.9.9.9"]);
  expect([none.code, none.err]).toEqual([5, expect.stringContaining("is from or to 10.9.9.9")]);
  for (const only of ["10.0.0.300", "99999", "10.0.1.5:99999", "word", ""]) {
    const wrong = await tcpnet(["explain", "slow.pcap", "--only", only]);
    expect([only, wrong.code]).toEqual([only, 2]);
  }
});

test("bad input has words and an exit code, and no page is written", async () => {
  const header = pcap.sender.slice(0, 24);
  writeFileSync(at("empty"), "");
  writeFileSync(at("none"), header);
  const strange = header.slice();
  strange.set([0, 0, 0, 105], 20);
  writeFileSync(at("strange"), Buffer.concat([strange, pcap.sender.slice(24, 2_000)]));
  // A UDP packet.
  const other = pcap.sender.slice(0, 24 + 16 + 60);
  other[24 + 16 + 9] = 17;
  writeFileSync(at("udp"), other);
  const cut = pcap.sender.slice(0, 24 + 16 + 30);
  new DataView(cut.buffer).setUint32(24 + 8, 30);
  writeFileSync(at("cut"), cut);
  writeFileSync(at("binary"), crypto.getRandomValues(new Uint8Array(60_000)));
  writeFileSync(at("events"), '{"schema":"tcpnet.event/2","event":"run:started"}\n');
  writeFileSync(at("badgz"), Uint8Array.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  for (const [name, code, words] of [
    ["empty", 5, "is empty"],
    ["none", 5, "the capture has no packets"],
    ["strange", 5, "link type 105"],
    ["udp", 5, "none of its 1 packet is a TCP segment"],
    ["cut", 5, "capture with -s 128"],
    ["binary", 5, "neither a pcap nor a pcapng"],
    ["events", 5, "use tcpnet report"],
    ["badgz", 5, ""],
    ["absent", 1, "it does not exist"],
    [".", 1, "directory"],
  ] as const) {
    const { code: ended, out, err } = await tcpnet(["explain", name, "-o", "no.html"]);
    expect([name, ended, out, err.startsWith("[error] ") && err.includes(words)]).toEqual([name, code, "", true]);
  }
  expect(existsSync(at("no.html"))).toBe(false);
  const full = await tcpnet(["explain", "slow.pcap", "-o", "/dev/full"]);
  expect([full.code, full.err]).toEqual([1, expect.stringContaining("the disk is full")]);
  expect((await tcpnet(["explain", "slow.pcap", "-o", "slow.pcap"])).code).toBe(2);
  expect((await tcpnet(["explain"])).code).toBe(2);
});

test("a torn file, or one that is still being written, is explained as far as it goes, with a warning", async () => {
  writeFileSync(at("torn"), pcap.sender.slice(0, 100_001));
  const torn = await tcpnet(["explain", "torn"]);
  expect([torn.code, torn.err]).toEqual([0, expect.stringMatching(/its last \d+ bytes are no whole packet/)]);
  const packed = Bun.gzipSync(pcap.sender as Uint8Array<ArrayBuffer>);
  writeFileSync(at("torn.gz"), packed.slice(0, packed.length - 2_000));
  const half = await tcpnet(["explain", "torn.gz"]);
  expect([half.code, half.err]).toEqual([0, expect.stringContaining("torn or damaged")]);
});

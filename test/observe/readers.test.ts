/** Every file that we write is read by the programs that people read captures with. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TCPNET } from "../support/built-program.ts";
import { readCapture } from "../support/capture-reader.ts";
import { ROOT } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { tshark } from "./tshark.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-readers-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a line of shell prints; `$T` is our program. Throws where it fails. */
async function shell(line: string): Promise<string> {
  const env = { ...process.env, T: TCPNET.join(" ") };
  const options = { cwd: ROOT, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
  const child = Bun.spawn(["bash", "-c", `set -o pipefail; ${line}`], options);
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${line}: exit ${code}\n${out}${err}`);
  return out;
}

/** Packets that tcpdump shows. */
async function tcpdump(file: string): Promise<number> {
  return (await shell(`tcpdump -nn -r ${file} -Z root`)).trimEnd().split("\n").length;
}

/** The comment of each packet, as tshark has it and as it was written. */
async function comments(file: string): Promise<{ shown: string[]; written: string[] }> {
  const rows = await tshark(file, ["frame.comment"]);
  const { packets, rest } = readCapture(readFileSync(file));
  expect(rest).toBe(0);
  // tshark leaves out the empty lines of packets without a comment.
  return {
    shown: rows.map(([text]) => text!),
    written: packets.flatMap(({ comment }) => (comment === null ? [] : [comment])),
  };
}

const DEMO = "$T demo --memory --size 100k --loss 3% --seed 5";

testUnless(
  lacks(["tcpdump", "tshark"]),
  "a demo's capture has all packets and comments for tcpdump and tshark",
  async () => {
    const file = join(folder, "demo.pcapng");
    await shell(`${DEMO} -w ${file}`);
    const { shown, written } = await comments(file);
    expect(shown).toEqual(written);
    expect(written).toContain("active OPEN");
    expect(await tcpdump(file)).toBe(readCapture(readFileSync(file)).packets.length);
  },
);

testUnless(
  lacks(["dumpcap", "tshark"]),
  "dumpcap takes a live capture from a pipe, and keeps its comments",
  async () => {
    const [ours, theirs] = [join(folder, "ours.pcapng"), join(folder, "theirs.pcapng")];
    await shell(`${DEMO} -w - | tee ${ours} | dumpcap -q -i - -w ${theirs}`);
    const { written } = await comments(ours);
    const { shown, written: kept } = await comments(theirs);
    expect([shown, kept]).toEqual([written, written]);
    expect(written.length).toBeGreaterThan(20);
    const lengths = (file: string) => readCapture(readFileSync(file)).packets.map(({ length }) => length);
    expect(lengths(theirs)).toEqual(lengths(ours));
  },
);

testUnless(lacks(["tcpdump", "tshark", "dumpcap"]), "all of them read the packets of a drill", async () => {
  const [ours, theirs] = [join(folder, "drill.pcap"), join(folder, "drill.pcapng")];
  await shell(`$T drill --pcap ${ours} test/drill/handshake/accept-blocks.pkt`);
  const n = readCapture(readFileSync(ours)).packets.length;
  expect(n).toBe(3);
  await shell(`dumpcap -q -i - -w ${theirs} < ${ours}`);
  expect([await tcpdump(ours), await tcpdump(theirs)]).toEqual([n, n]);
  expect((await tshark(theirs, ["frame.len"])).length).toBe(n);
});

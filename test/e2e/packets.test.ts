/** --packets and --explain: what is on the screen, in the record of the run, and in the capture, is the same. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tshark, tsharkTest } from "../observe/tshark.ts";
import { TCPNET } from "../support/built-program.ts";
import { bothWell, HOST, labTest, PEER } from "./lab.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-packets-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

type Line = Readonly<Record<string, unknown>>;
const parsed = (text: string): Line[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

/** What identifies a segment on all three, with µs since 1970. */
const key = (us: number, { seq, length, flags, window }: Line) => `${us} ${seq} ${length} ${flags} ${window}`;

labTest("typed text shows its segments, with --explain as with --packets", async (lab) => {
  const host = lab.tcpnet(...HOST, "--packets");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "--explain");
  await host.says(/open /);
  peer.type("hello\n");
  await host.gives(6);
  peer.endInput();
  host.endInput();
  const [{ stderr: heard }, { stderr: said }] = await bothWell(host, peer);
  expect(said).toMatch(/→ SYN {6}seq 0 {2}win \d+ {2}mss 1460 sackOK scale 10 timestamps {3}active OPEN\n/);
  expect(said).toMatch(/· SYN-SENT → ESTABLISHED: our SYN was acknowledged\n/);
  expect(said).toMatch(/→ PSH ACK {2}seq 1\+6 {2}ack 1 {2}win \d+ {3}new data\n/);
  expect(said).toMatch(/← ACK {6}seq 1 {2}ack 7 {2}win \d+ {3}ACK of new data\n/);
  expect(heard).toMatch(/← PSH ACK {2}seq 1\+6 {2}ack 1 {2}win \d+ {3}in-order data\n/);
});

tsharkTest(
  "each segment on the screen is in the record and in the capture, at the same time on one clock",
  async () => {
    const flags = ["--memory", "--size", "200k", "--loss", "3%", "--seed", "5", "--no-offload"];
    const record = ["--events", at("e.ndjson"), "--write", at("d.pcapng")];
    const demo = Bun.spawn([...TCPNET, "demo", ...flags, "--packets", "--json", ...record], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const screen = parsed(await demo.stdout.text());
    expect(await demo.exited).toBe(0);
    const [head, ...events] = parsed(readFileSync(at("e.ndjson"), "utf8"));
    const epoch = Number(head!.epoch);
    const isSegment = ({ event }: Line) => /packet_(sent|received)$/.test(`${event}`);
    const inFile = events.filter(isSegment);
    expect(inFile.length).toBeGreaterThan(300);

    const shown = screen.filter((line) => isSegment(line));
    const times = new Map(
      inFile.map((line) => [`${line.who} ${key(0, line)} ${line.tsval} ${line.ack}`, epoch + Number(line.t) * 1e6]),
    );
    // The busiest seconds are counted on the screen.
    const counted = screen.filter(({ event, of }) => event === "counted" && (of === "packet" || of === "resent"));
    const missing = counted.reduce((n, { count }) => n + Number(count), 0);
    expect(shown.length + missing).toBe(inFile.length);
    for (const line of shown) {
      const time = times.get(`${line.who} ${key(0, line)} ${line.tsval} ${line.ack}`);
      expect(Math.abs(Number(line.at) * 1e6 - time!)).toBeLessThan(10);
      for (const field of ["seq", "length", "ack", "window", "t"])
        if (line[field] !== undefined) expect([field, typeof line[field]]).toEqual([field, "number"]);
    }

    for (const [who, file] of [
      ["peer", "d.pcapng"],
      ["host", "d-host.pcapng"],
    ] as const) {
      const fields = ["frame.time_epoch", "frame.packet_flags_direction", "tcp.seq", "tcp.len", "frame.comment"];
      const packets = (await tshark(at(file), fields)).map(([time, direction, seq, length, why]) => {
        const isSent = Number(direction) === 2;
        return `${isSent ? "sent" : "received"} ${Math.round(Number(time!.slice(-16)) * 1e6)} ${seq} ${length} ${why}`;
      });
      const own = inFile.filter((line) => line.who === who);
      expect(packets.length).toBe(own.length);
      expect(packets[0]).toContain(who === "peer" ? "active OPEN" : "a SYN arrived");
      const known = new Set(packets.map((row) => row.split(" ").slice(0, 4).join(" ")));
      const tail = (us: number) => Math.round(us - Math.floor(epoch / 1e11) * 1e11);
      const off = own.filter(({ event, t, seq, length }) => {
        const way = `${event}`.endsWith("sent") ? "sent" : "received";
        const us = tail(epoch + Number(t) * 1e6);
        return ![us - 1, us, us + 1].some((each) => known.has(`${way} ${each} ${seq} ${length}`));
      });
      expect(off).toEqual([]);
    }
  },
);

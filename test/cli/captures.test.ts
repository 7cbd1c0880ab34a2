/** -w of the commands that run in one process: what tshark and tcpdump read. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tshark } from "../observe/tshark.ts";
import { cliFolder } from "../support/cli-folder.ts";
import { ROOT } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";

const { at, withOctets: tcpnet } = cliFolder("captures");

const READERS = lacks(["tshark", "tcpdump"]);
const packets = (file: string) => Bun.spawnSync(["tcpdump", "-nn", "-Z", "root", "-r", file]).stdout.toString();
const FIELDS = ["frame.time_epoch", "frame.packet_flags_direction", "tcp.seq", "tcp.len", "frame.comment"];

/** Drops of each direction in a record. */
function drops(file: string, who: string): number {
  const events = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events.filter((event) => event.who === who && event.event === "link:packet_dropped").length;
}

const SIM = [
  "sim",
  "--bytes",
  "100k",
  "--rtt",
  "40ms",
  "--rate",
  "5mbit",
  "--queue",
  "6",
  "--loss",
  "3%",
  "--seed",
  "2",
];

testUnless(
  READERS,
  "sim -w writes both ends, in the order of time, with reasons, and marks what the link lost",
  async () => {
    for (const family of [[], ["--ipv6"]]) {
      const { code, out, err } = await tcpnet(...SIM, ...family, "-w", "s.pcapng", "--events", "s.ndjson");
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/capture: \d+ packets in s-right\.pcapng/);
      for (const [file, who] of [
        ["s.pcapng", "left>right"],
        ["s-right.pcapng", "right>left"],
      ] as const) {
        const rows = await tshark(at(file), FIELDS);
        const times = rows.map(([time]) => Number(time));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(rows.every(([, , , , why]) => why !== "")).toBe(true);
        const lost = rows.filter(([, , , , why]) => why!.includes("lost by the link: "));
        expect(lost.length).toBe(drops(at("s.ndjson"), who));
        expect(lost.every(([, direction]) => Number(direction) === 2)).toBe(true);
        expect(packets(at(file)).split("\n").length - 1).toBe(rows.length);
      }
      const left = (await tshark(at("s.pcapng"), FIELDS)).map(([, , , , why]) => why);
      expect(left).toContain(
        "new data; lost by the link: dropped at the tail: the queue in front of the transmitter is full",
      );
      expect(left).toContain("new data; lost by the link: lost at random");
    }
  },
);

test("a capture changes nothing in a simulated run: its digest is the same; -w - is the left end's file", async () => {
  const digest = (text: string) => /digest (\w+)/.exec(text)?.[1];
  const without = digest((await tcpnet(...SIM)).out);
  const whole = await tcpnet(...SIM, "-w", "one.pcapng");
  const piped = await tcpnet(...SIM, "-w", "-");
  expect([digest(whole.out), digest(piped.err)]).toEqual([without!, without!]);
  expect(Buffer.compare(readFileSync(at("one.pcapng")), piped.bytes)).toBe(0);
});

testUnless(READERS, "the demo in memory marks what the link lost at both ends", async () => {
  const flags = ["--memory", "--size", "300k", "--loss", "3%", "--seed", "4", "--events", at("d.ndjson")];
  expect((await tcpnet("demo", ...flags, "-w", at("d.pcapng"))).code).toBe(0);
  for (const [file, who] of [
    ["d.pcapng", "peer>host"],
    ["d-host.pcapng", "host>peer"],
  ] as const) {
    const rows = await tshark(at(file), FIELDS);
    const lost = rows.filter(([, , , , why]) => why!.includes("lost by the link: lost at random"));
    expect([lost.length, lost.length > 0]).toEqual([drops(at("d.ndjson"), who), true]);
  }
});

testUnless(
  READERS,
  "drill -w writes the packets of all scripts one after another, with directions and reasons",
  async () => {
    const scripts = join(ROOT, "test/drill/handshake");
    const { code } = await tcpnet("drill", scripts, "-w", "d.pcapng", "--pcap", "d.pcap");
    expect(code).toBe(0);
    const rows = await tshark(at("d.pcapng"), FIELDS);
    expect(rows.length).toBe((await tshark(at("d.pcap"), FIELDS)).length);
    const times = rows.map(([time]) => Number(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(rows.map(([, direction]) => Number(direction)))).toEqual(new Set([1, 2]));
    const reasons = rows.map(([, , , , why]) => why);
    for (const each of ["active OPEN", "answer to a SYN", "a SYN arrived"]) expect(reasons).toContain(each);
    expect(packets(at("d.pcapng")).split("\n").length - 1).toBe(rows.length);
  },
);

test("a capture that has no place is refused before anything runs: 1, and 2 for two results in one output", async () => {
  const nowhere = await tcpnet(...SIM, "-w", "no/such/folder/s.pcapng");
  expect([nowhere.code, nowhere.out, nowhere.err.includes("its folder does not exist")]).toEqual([1, "", true]);
  const script = join(ROOT, "test/drill/handshake/accept-blocks.pkt");
  for (const [args, words] of [
    [[...SIM, "-w", "-", "--events", "-"], "cannot carry both the events and the packets"],
    [[...SIM, "-w", "-", "--report", "-"], "cannot carry both the report and the packets"],
    [["drill", script, "-w", "-", "--events", "-"], "cannot carry both the packets and the events"],
    [["drill", script, "-w", "-", "--pcap", "-"], "cannot carry both --pcap and --write"],
    [["chaos", "ta", "10.0.0.1/24", "tb", "10.0.1.1/24", "-w", "-", "--events", "-"], "cannot carry both"],
    [["drill", script, "-w", script], "would overwrite"],
  ] as const) {
    const { code, err } = await tcpnet(...args);
    expect([args.join(" "), code, err.includes(words) || err]).toEqual([args.join(" "), 2, true]);
  }
  const full = await tcpnet(...SIM, "-w", "/dev/full");
  expect([full.code, full.err.includes("the disk is full")]).toEqual([1, true]);
  expect(existsSync(at("-right"))).toBe(false);
});

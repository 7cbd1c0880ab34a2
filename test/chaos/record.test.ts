/** What chaos records: lines, captures of both ends, a report. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tshark } from "../observe/tshark.ts";
import { TCPNET } from "../support/built-program.ts";
import { netTestWith } from "../support/netns.ts";

netTestWith(
  ["nc", "ss", "tshark", "tcpdump"],
  "both ends are captured, lost packets are marked in both, every segment is a line, and the report tells the losses",
  async (ns) => {
    const folder = mkdtempSync(join(tmpdir(), "tcpnet-chaos-"));
    const at = (name: string) => join(folder, name);
    try {
      const files = ["-w", at("c.pcapng"), "--events", at("e.ndjson"), "--report", at("r.html")];
      const sides = ["tunx", "10.0.0.1/24", "tuny", "10.0.1.1/24"];
      const link = ["--delay", "2ms", "--loss", "4%", "--seed", "3", "--keep-root"];
      const child = ns.spawn([...TCPNET, "chaos", ...sides, ...link, "--packets", ...files]);
      const said = child.stderr.text();
      const server = ns.spawn(["nc", "-l", "-d", "-p", "7000"]);
      const devices = () => ns.run(["ip", "addr", "show", "dev", "tuny"]);
      for (let i = 0; i < 1_000 && !(await devices()).stdout.includes("10.0.1.1"); i++) await Bun.sleep(10);
      for (let i = 0; i < 1_000 && !(await ns.must(["ss", "-Hltn"])).includes(":7000"); i++) await Bun.sleep(10);
      const client = await ns.run(["nc", "-N", "10.0.0.2", "7000"], { stdin: new Uint8Array(300_000) });
      expect([client.code, client.timedOut]).toEqual([0, false]);
      await server.exited;
      child.kill("SIGINT");
      const lines = await said;
      expect([await child.exited, lines]).toEqual([0, expect.stringContaining("capture")]);

      const [head, ...events] = readFileSync(at("e.ndjson"), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(head.command).toBe("chaos");
      for (const [file, who] of [
        ["c.pcapng", "tunx>tuny"],
        ["c-tuny.pcapng", "tuny>tunx"],
      ] as const) {
        const comments = (await tshark(at(file), ["frame.comment"])).map(([comment]) => comment);
        const lost = events.filter((event) => event.who === who && event.event === "link:packet_dropped").length;
        expect(comments.filter((comment) => comment === "lost by the link: lost at random").length).toBe(lost);
        expect(await ns.must(["tcpdump", "-nn", "-Z", "root", "-r", at(file)])).toContain("Flags [S.]");
        expect(lines.split("\n").filter((line) => line.includes(`✗ ${who}`)).length).toBe(lost);
      }
      expect(lines).toMatch(/tunx>tuny SYN {6}seq 0 {2}win \d+ {2}mss \d+ sackOK/);
      expect(lines).toMatch(/tunx>tuny (PSH )?ACK +seq 1\+\d+ {2}ack 1 {2}win \d+/);
      // The verdict is on the screen, and the page has the run.
      expect(lines).toMatch(/verdict 300 kB in [\d.]+ m?s/);
      expect(readFileSync(at("r.html"), "utf8")).toStartWith("<!doctype html>");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

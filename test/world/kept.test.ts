/** What a world keeps of a run, and what it does where it cannot. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packets } from "#lab/world/packets";
import { createWorld } from "#lab/world/world";

const scratch = mkdtempSync(join(tmpdir(), "tcpnet-world-kept-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("a report that cannot be written does not hide why the run failed", async () => {
  const file = join(scratch, "file");
  writeFileSync(file, "");
  const lines: string[] = [];
  const world = createWorld({ report: join(file, "report"), print: (line) => void lines.push(line) });
  await expect(world.run(() => Promise.reject(new Error("a write was lost")))).rejects.toThrow("a write was lost");
  expect(lines.length).toBe(2);
  expect(lines[0]).toStartWith("seed 1 failed after 0.000000 s of virtual time: a write was lost");
  expect(lines[1]).toStartWith("  no report: ");
});

test("where packets were not kept, tests cannot ask for any: a false answer would pass", () => {
  const packets = new Packets(new Map(), 2);
  const offered = { event: "link:packet_offered", who: "a>b", size: 20, text: "ICMP" } as const;
  for (const packet of [1, 2]) packets.event({ ...offered, packet, time: packet } as never);
  expect(packets.find({ link: "a>b" }).length).toBe(2);
  packets.event({ ...offered, packet: 3, time: 3 } as never);
  expect(() => packets.find({ flags: "RST" })).toThrow(
    "this world has sent more than 2 packets, and later ones were not",
  );
});

test("a host without an address of its own gets the next one that no other has", () => {
  const world = createWorld();
  world.host("a", { address: "10.0.0.2" });
  expect([world.host("b").address, world.host("c").address]).toEqual(["10.0.0.3", "10.0.0.4"]);
});

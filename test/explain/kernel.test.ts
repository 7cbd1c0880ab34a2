/** Captures that tcpdump makes of the kernel's own TCP, whose losses a rule of nftables counts: tcpnet had no part in them. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wayOf } from "#report/model/direction";
import { RESENT } from "#report/model/run";
import { tshark } from "../observe/tshark.ts";
import { netTestWith } from "../support/netns.ts";
import { explained } from "./lab.ts";

const BYTES = 2_000_000;
/** The least part of the losses that is found, and of those found that was one. */
const LEAST = 0.95;

/** Sends over the loopback device by the kernel's TCP. */
const TRANSFER = `
const over = Promise.withResolvers();
Bun.listen({ hostname: "127.0.0.1", port: 7000, socket: { data() {}, end(s) { s.end(); over.resolve(); } } });
const octets = new Uint8Array(1 << 16);
let sent = 0;
const push = (s) => {
  while (sent < ${BYTES}) {
    const n = s.write(octets.subarray(0, Math.min(octets.length, ${BYTES} - sent)));
    if (n <= 0) return;
    sent += n;
  }
  s.end();
};
Bun.connect({ hostname: "127.0.0.1", port: 7000, socket: { open: push, drain: push, data() {} } });
await over.promise;
await Bun.sleep(300);
process.exit(0);
`;

/** Large segments one by one, every 30th lost after tcpdump has seen it; the capture under each link layer at the same time. */
const script = (folder: string): string => `
ip link set lo mtu 1500 gso_max_segs 1
nft add table inet t
nft 'add chain inet t i { type filter hook input priority 0; }'
nft 'add rule inet t i tcp dport 7000 meta length > 1000 numgen inc mod 30 == 7 counter drop'
for each in "lo:-i lo" "any:-i any" "sll:-i any -y LINUX_SLL" "nano:-i lo --time-stamp-precision=nano"; do
  tcpdump \${each#*:} -Z root -s 100 -w "${folder}/\${each%%:*}.pcap" --immediate-mode -U tcp 2>"${folder}/\${each%%:*}.said" &
done
for file in lo any sll nano; do
  until grep -q listening "${folder}/$file.said"; do sleep 0.05; done
done
"${process.execPath}" "${folder}/transfer.js"
kill $(jobs -p); wait
nft list ruleset
`;

netTestWith(
  ["tcpdump", "nft", "tshark"],
  "the kernel's own TCP, captured by tcpdump: the losses that nftables counted, and tshark's retransmissions",
  async (ns) => {
    const folder = mkdtempSync(join(tmpdir(), "tcpnet-explain-"));
    try {
      writeFileSync(join(folder, "transfer.js"), TRANSFER);
      const rules = await ns.must(["bash", "-c", script(folder)]);
      const dropped = Number(/counter packets (\d+)/.exec(rules)![1]);
      expect(dropped).toBeGreaterThan(20);
      for (const name of ["lo", "any", "sll", "nano"]) {
        const path = join(folder, `${name}.pcap`);
        const run = explained(readFileSync(path));
        const { packets, connections } = run;
        const way = [0, 1].map((from) => wayOf(run, 0, from)).find(({ octets }) => octets === BYTES)!;
        expect([name, connections.length, way === undefined]).toEqual([name, 1, false]);
        const lost = way.sent.filter((row) => packets.dropped[row] !== 0).length;
        // docs/EXPLAIN.md promises as much. Timestamps of a millisecond say little of round trips of microseconds.
        expect([name, Math.min(lost, dropped) / Math.max(lost, dropped) >= LEAST, lost]).toEqual([name, true, lost]);
        const again = way.sent.filter((row) => (packets.bits[row]! & RESENT) !== 0).length;
        const flags = ["retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order"];
        const rows = await tshark(path, ["tcp.dstport", ...flags.map((flag) => `tcp.analysis.${flag}`)]);
        const theirs = rows.filter(([port, ...found]) => port === "7000" && found.some((each) => each !== ""));
        expect([name, again]).toEqual([name, theirs.length]);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

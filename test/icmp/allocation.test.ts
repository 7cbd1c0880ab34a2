import { expect, test } from "bun:test";
import { Packet } from "#base/packet";
import { Icmp } from "#icmp/icmp";
import { IcmpError } from "#icmp/read-error";
import { Fragmenter } from "#ip/fragmenter";
import { DELIVER } from "#ip/header";
import { IpSend } from "#ip/send";
import { bytesAllocated } from "../support/allocation.ts";
import { IpBench } from "../support/ip-bench.ts";
import { naiveFragment6, naiveIcmp, naiveIPv4, naiveIPv6, naiveUdp } from "../support/naive/ip.ts";

const PACKETS = 100_000;

test("100,000 packets through IP, reassembly, ICMP and back out allocate nothing", () => {
  const bench = new IpBench();
  const icmp = new Icmp(bench.slab, bench.local, bench.counters);
  const fragmenter = new Fragmenter(bench.slab);
  const { slab, input, output, header } = bench;
  const error = new IcmpError();
  const send = new IpSend();
  const packet = new Packet();
  const reply = new Packet();
  const piece = new Packet();
  const data = Array.from({ length: 1000 }, (_, i) => i & 255);
  const quote = naiveIPv4({ source: "10.0.0.7", protocol: 6 }, data.slice(0, 8));
  const message = naiveIcmp(128, 0, 1, data, ["fd00::1", "fd00::7"]);
  const packets = [
    naiveIPv4({ protocol: 1 }, naiveIcmp(8, 0, 1, data)),
    naiveIPv4({ protocol: 1 }, naiveIcmp(3, 1, 0, quote)),
    naiveIPv4({ protocol: 132 }, data),
    naiveIPv4({}, naiveUdp(5, 53, data)),
    naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(58, 0, true, 1), ...message.slice(0, 504)]),
    naiveIPv6({ nextHeader: 44 }, [...naiveFragment6(58, 504, false, 1), ...message.slice(504)]),
  ];
  const at = packets.map((bytes, i) => {
    slab.u8.set(bytes, bench.slot + i * 2048);
    return [bench.slot + i * 2048, bytes.length] as const;
  });
  let sent = 0;
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      const now = i * 1000;
      const which = at[i % at.length]!;
      packet.clear();
      packet.o = which[0];
      packet.n = which[1];
      if (input.input(packet, header, now) === DELIVER) {
        if (header.protocol === 17) icmp.portUnreachable(header, now);
        else icmp.input(header, error, now);
      } else icmp.error(header, now);
      while (icmp.poll(reply, send)) {
        output.prepend(reply, send);
        if (!fragmenter.canFragment(reply, 576)) sent++;
        else {
          fragmenter.begin(reply, 576, output.nextIdentification(send, 1));
          while (fragmenter.next(piece)) sent++;
        }
      }
    }
  };
  run(PACKETS / 5);
  sent = 0;
  const bytes = bytesAllocated(() => run(PACKETS));
  expect(sent).toBeGreaterThan(PACKETS / 2);
  // An object per packet would be 1.6 MB and more; the engine's own compiler takes some blocks while it runs.
  expect(bytes).toBeLessThan(400_000);
});

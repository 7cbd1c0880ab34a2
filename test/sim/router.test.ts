import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { parseLink } from "#device/link-words";
import { SIM_NO_ROUTE } from "#lab/sim/node";
import { ROUTER_BAD_HEADER, ROUTER_FORWARDED, ROUTER_TTL, type RouterErrors } from "#lab/sim/router";
import { Simulation } from "#lab/sim/simulation";
import * as checksums from "#wire/checksum";
import { ToyEngine } from "../support/toy-engine.ts";

const A = 0x0a000001;
const B = 0x0a010001;

/** Instead of ICMP: the first 100 bytes, back to the sender, with a number that says which error it is. */
function bounce(number: number) {
  return (slab: PacketMemory, packet: Packet, reply: Packet): boolean => {
    const { view } = slab;
    slab.u8.copyWithin(reply.o, packet.o, packet.o + 100);
    view.setUint16(reply.o + 2, 100);
    view.setInt32(reply.o + 12, view.getInt32(packet.o + 16));
    view.setInt32(reply.o + 16, view.getInt32(packet.o + 12));
    view.setUint8(reply.o + 8, 64);
    view.setUint16(reply.o + 10, 0);
    view.setUint16(reply.o + 10, checksums.finish(checksums.sum(view, reply.o, 20, 0)));
    view.setInt32(reply.o + 24, number);
    reply.n = 100;
    return true;
  };
}
const ERRORS: RouterErrors = {
  tooBig: (slab, packet, mtu, reply) => bounce(mtu)(slab, packet, reply),
  timeExceeded: bounce(-11),
};

/** a - r - b. */
function line(errors: RouterErrors, far: string, bytes = 1_000, to = B) {
  const sim = new Simulation({ seed: 1, errors });
  const sender = new ToyEngine({ from: A, to, count: 1, bytes });
  const receiver = new ToyEngine({ from: B, to: A });
  const router = sim.router("r");
  const a = sim.node("a", sender);
  const b = sim.node("b", receiver);
  const left = sim.connect(a, router);
  const right = sim.connect(router, b, { there: parseLink(far) });
  router.routes.default = undefined;
  router.routes.add("10.0.0.0/24", left.back);
  router.routes.add("10.1.0.0/24", right.there);
  return { sim, sender, receiver, router, left, right, a };
}

test("forwards by prefix, and counts packets without a route", () => {
  const known = line({}, "");
  known.sim.run();
  expect(known.receiver.packetsIn).toBe(1);
  const unknown = line({}, "", 1_000, 0x0b000001);
  unknown.sim.run();
  expect(unknown.router.counters.get(SIM_NO_ROUTE)).toBe(1);
});

test("a packet larger than the next wire's MTU: an ICMP error tells its sender the MTU, unless the wire is silent", () => {
  const told = line(ERRORS, "mtu 600");
  told.sim.run();
  expect(told.receiver.packetsIn).toBe(0);
  expect(told.sender.received.map((r) => r.id)).toEqual([600]);
  const silent = line(ERRORS, "mtu 600 silent");
  silent.sim.run();
  expect(silent.sender.received).toEqual([]);
});

test("a node whose own wire has a smaller MTU gets an ICMP error as if from the first router", () => {
  const { sim, sender, left } = line(ERRORS, "");
  left.there.set(parseLink("mtu 700"));
  sim.run();
  expect(sender.received.map((r) => r.id)).toEqual([700]);
});

test("a packet whose hop limit is exceeded is dropped, with an error to its sender", () => {
  const { sim, sender, receiver, router } = line(ERRORS, "");
  // The packet goes round between two routers that each think that the other is nearer to b.
  const other = sim.router("x");
  const loop = sim.connect(router, other);
  other.routes.default = loop.back;
  router.routes.add("10.1.0.1/32", loop.there);
  sim.run();
  expect(receiver.packetsIn).toBe(0);
  expect(router.counters.get(ROUTER_TTL) + other.counters.get(ROUTER_TTL)).toBe(1);
  expect(sender.received.map((r) => r.id)).toEqual([-11]);
});

test("a packet with a corrupted header is not forwarded, and no bytes cause a crash", () => {
  const { router, sim } = line({}, "");
  const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => {
    if (array.length > 0 && array[0]! < 128) array[0] = (array[0]! & 1) === 0 ? 0x45 : 0x60;
    return array;
  });
  let packets = 0;
  fc.assert(
    fc.property(bytes, (array) => {
      router.slab.u8.set(array, router.rxO);
      router.rx.clear();
      router.rx.o = router.rxO;
      router.rx.n = array.length;
      router.arrive(sim.now);
      packets++;
    }),
    { seed: 5, numRuns: 2_000 },
  );
  const { counters } = router;
  const outcomes = [ROUTER_BAD_HEADER, ROUTER_TTL, SIM_NO_ROUTE, ROUTER_FORWARDED].map((m) => counters.get(m));
  expect(outcomes.reduce((sum, n) => sum + n, 0)).toBe(packets);
  expect(counters.get(ROUTER_BAD_HEADER)).toBeGreaterThan(1_000);
});

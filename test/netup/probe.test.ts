import { expect, test } from "bun:test";
import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { type Device, NO_OFFLOAD, RX_NONE, TX_OK } from "#device/device";
import { settle } from "#netup/options";
import { awaitQueues, End, trial } from "#netup/probe";
import { Recorded } from "./recorded.ts";

/** An IPv4 packet that is neither a probe nor an ICMP error: UDP (RFC 768) from port 0. */
const FOREIGN = Uint8Array.from([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, ...new Array(18).fill(0)]);

/** A device to which somebody else sends so many packets; behind them comes what the other device was given. */
class Flooded implements Device {
  readonly name = "flooded";
  readonly mtu = 1_500;
  readonly queueLength = 500;
  readonly offload = NO_OFFLOAD;
  reads = 0;
  other: Flooded | undefined;
  #left: number;
  #given: Uint8Array | undefined;
  #slab: Slab | undefined;

  constructor(packets: number) {
    this.#left = packets;
  }

  attach(slab: Slab): void {
    this.#slab = slab;
  }

  receive(packet: Packet): number {
    this.reads++;
    const bytes = this.#left-- > 0 ? FOREIGN : this.#given;
    if (bytes === undefined) return RX_NONE;
    if (bytes !== FOREIGN) this.#given = undefined;
    this.#slab!.u8.set(bytes, packet.o);
    packet.n = bytes.length;
    return bytes.length;
  }

  transmit(packet: Packet): number {
    if (this.other !== undefined) this.other.#given = this.#slab!.u8.slice(packet.o, packet.o + packet.n);
    return TX_OK;
  }

  nextDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  close(): void {}
}

function between(a: Flooded, b: Flooded) {
  const { sides } = settle({});
  const system = new Recorded();
  return trial(system, new End(sides[0], a), new End(sides[1], b), 0);
}

test("the probe waits until the kernel has started the queues of both devices, and no longer", () => {
  const answers = ["DOWN", "DOWN", "UP"];
  const system = new Recorded();
  let asked = 0;
  system.run = () => ({ code: 0, out: `[{"operstate":"${answers[Math.min(asked++ >> 1, 2)]}"}]`, err: "" });
  awaitQueues(system, ["tun0", "tun1"]);
  expect(asked).toBeGreaterThanOrEqual(5);
  expect(asked).toBeLessThan(10);
});

test("a flood of other packets, which never ends, does not keep the probe from its end", () => {
  const [from, to] = [new Flooded(Number.POSITIVE_INFINITY), new Flooded(Number.POSITIVE_INFINITY)];
  const began = performance.now();
  expect(between(from, to)).toMatchObject({ arrived: false, sent: 5, icmp: null });
  // Five times 60 ms, and what a busy machine adds.
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(Math.min(from.reads, to.reads)).toBeGreaterThan(1_000);
});

test("a probe arrives behind more packets than are read at once", () => {
  const [from, to] = [new Flooded(0), new Flooded(2_000)];
  from.other = to;
  expect(between(from, to)).toMatchObject({ arrived: true, sent: 1 });
  expect(to.reads).toBe(2_001);
});

import { afterAll, describe, expect, test } from "bun:test";
import { assert as check, constantFrom, integer, property, record } from "fast-check";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { type Device, RX_GONE, RX_NONE, TX_GONE, TX_OK } from "#device/device";
import * as tcp from "#wire/tcp";
import { bytesAllocated } from "../support/allocation.ts";
import { type Arrived, flat, headerLength, pattern, put, readArrived, type Shape } from "./packets.ts";

/** Two devices of which the second receives what the first transmits, perhaps a moment later. */
export interface Rig {
  readonly a: Device;
  readonly b: Device;
}

const MTU = 1_500;

/**
 * What every device must do, whatever it is made of. `make` is called for each test; the devices have MTU 1500, and take
 * partial checksums and super-segments where `offload` says so.
 * @param messages each packet is an object of the transport's, so that packets do allocate
 */
export function deviceSuite(
  name: string,
  offload: boolean,
  make: (queueLength: number) => Rig,
  messages: "messages" | null = null,
): void {
  describe(name, () => {
    const open: Rig[] = [];
    const bench = (queueLength = 200) => {
      while (open.length > 0) closeRig(open.pop()!);
      const rig = make(queueLength);
      open.push(rig);
      return new Bench(rig);
    };
    afterAll(() => open.forEach(closeRig));

    test("a device says what it is", () => {
      const { a, b } = bench(50).rig;
      for (const { mtu, queueLength } of [a, b]) expect({ mtu, queueLength }).toEqual({ mtu: MTU, queueLength: 50 });
      expect(a.offload).toEqual({ checksum: offload, tso4: offload, tso6: offload });
    });

    test("an idle device has nothing to receive", () => {
      expect(bench().receive()).toBe(RX_NONE);
    });

    test("a packet arrives byte for byte, however it is cut into slices", async () => {
      const it = bench();
      const shapes = record({
        family: constantFrom(4 as const, 6 as const),
        payload: integer({ min: 0, max: MTU - headerLength(6) }).map((n) => pattern(n, n)),
        inHead: integer({ min: 0, max: 200 }),
        slices: integer({ min: 0, max: 6 }),
        partial: constantFrom(false, offload),
        seq: integer(),
      });
      const cases: Partial<Shape>[] = [];
      check(
        property(shapes, (shape) => void cases.push(shape)),
        { seed: 1, numRuns: 100 },
      );
      for (const shape of cases) {
        const [arrived] = await it.pass(shape, 1);
        expect(arrived).toMatchObject({ family: shape.family, seq: shape.seq, ipGood: true, checksumGood: true });
        expect(Buffer.compare(arrived!.payload, shape.payload!)).toBe(0);
      }
    });

    test("packets arrive in the order they were sent", async () => {
      const it = bench();
      for (let seq = 0; seq < 100; seq++) it.send({ seq });
      const arrived = await it.collect(100);
      expect(arrived.map((p) => p.seq)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });

    if (offload)
      test("a super-segment arrives as its data, whole or cut, with the flags where they belong", async () => {
        const it = bench();
        for (const family of [4, 6] as const) {
          for (const [size, gsoSize] of [[2_857, 1_428] as const, [60_001, 1_400] as const, [4_000, 537] as const]) {
            const flags = tcp.ACK | tcp.PSH | tcp.FIN | tcp.CWR;
            const shape = {
              family,
              payload: pattern(size, size),
              inHead: 101,
              slices: 5,
              partial: true,
              gsoSize,
              flags,
            };
            const arrived = await it.pass({ ...shape, seq: -1_000 }, 1, size);
            expectSameData(arrived, { ...shape, seq: -1_000 });
          }
        }
      });

    test("transmit leaves the payload as it was, and receive keeps to its room", async () => {
      const it = bench();
      it.put({ payload: pattern(1_000), inHead: 3, slices: 4 });
      const before = flat(it.slab, it.tx).slice(it.tx.n);
      it.slab.u8.fill(0xa5, it.rxO - HEADROOM - 100, it.rxO - HEADROOM);
      it.slab.u8.fill(0xa5, it.rxO + PACKET_MAX, it.rxO + PACKET_MAX + 100);
      expect(it.transmit()).toBe(TX_OK);
      expect(await it.collect(1)).toHaveLength(1);
      expect(Buffer.compare(flat(it.slab, it.tx).slice(it.tx.n), before)).toBe(0);
      const around = [it.rxO - HEADROOM - 100, it.rxO + PACKET_MAX].map((o) => it.slab.u8.slice(o, o + 100));
      for (const bytes of around) expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
    });

    test("a queue that nobody reads drops the tail, not the head, and says that it sent", async () => {
      const it = bench(10);
      for (let seq = 0; seq < 100; seq++) {
        it.put({ seq });
        expect(it.transmit()).toBe(TX_OK);
      }
      const arrived = await it.collect(100);
      expect(it.rig.b.queueLength).toBe(10);
      expect(arrived.length).toBeGreaterThanOrEqual(10);
      expect(arrived.length).toBeLessThan(40);
      expect(arrived.slice(0, 10).map((p) => p.seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    test("the bell rings for a packet while it is armed, and only then", async () => {
      const it = bench();
      let rung = 0;
      it.rig.b.wakeable!.arm(() => rung++);
      it.send({});
      await until(() => rung > 0);
      it.rig.b.wakeable!.disarm();
      rung = 0;
      it.send({});
      expect(await it.collect(2)).toHaveLength(2);
      await Bun.sleep(20);
      expect(rung).toBe(0);
      it.rig.b.wakeable!.arm(() => rung++);
      it.send({});
      await until(() => rung > 0);
    });

    const allocatesNothing = () =>
      test("packets allocate nothing", () => {
        const it = bench();
        const big = { payload: pattern(14_000), partial: true, gsoSize: 1_400 };
        it.put({ payload: pattern(1_000), inHead: 10, slices: 3, ...(offload ? big : {}) });
        const { csum } = it.tx;
        const pass = (times: number) => {
          for (let i = 0; i < times; i++) {
            it.tx.csum = csum;
            it.transmit();
            while (it.receive() > 0);
          }
        };
        pass(20_000);
        expect(bytesAllocated(() => pass(50_000))).toBeLessThan(512 * 1024);
      }, 60_000);
    if (messages === null) allocatesNothing();

    test("a closed device is gone, and closing it twice is harmless", () => {
      const it = bench();
      it.rig.a.close();
      it.rig.a.close();
      it.put({});
      expect(it.transmit()).toBe(TX_GONE);
      expect(it.rig.a.receive(it.rx, 0)).toBe(RX_GONE);
    });
  });
}

/** The sequence space covered, in order and once; PSH and FIN at its end only, CWR at its beginning only. */
function expectSameData(arrived: readonly Arrived[], sent: Pick<Shape, "payload" | "gsoSize" | "seq" | "flags">): void {
  let at = 0;
  for (const segment of arrived) {
    expect(segment).toMatchObject({ ipGood: true, checksumGood: true, seq: (sent.seq + at) | 0 });
    const end = at + segment.payload.length;
    expect(Buffer.compare(segment.payload, sent.payload.subarray(at, end))).toBe(0);
    const last = end === sent.payload.length ? 0 : tcp.FIN | tcp.PSH;
    expect(segment.flags).toBe(sent.flags & ~last & ~(at === 0 ? 0 : tcp.CWR));
    if (segment.gsoSize === 0) expect(last === 0 || segment.payload.length === sent.gsoSize).toBe(true);
    else expect(segment.gsoSize).toBe(sent.gsoSize);
    at = end;
  }
  expect(at).toBe(sent.payload.length);
}

function closeRig({ a, b }: Rig): void {
  a.close();
  b.close();
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition() && performance.now() < end) await Bun.sleep(1);
  expect(condition()).toBe(true);
}

/** A rig with memory, a packet to send and one to receive into. */
class Bench {
  readonly rig: Rig;
  readonly slab = new Slab(1 << 20);
  readonly tx = new Packet();
  readonly rx = new Packet();
  readonly rxO: number;
  readonly #txO: number;
  readonly #elsewhere: number;

  constructor(rig: Rig) {
    this.rig = rig;
    rig.a.attach(this.slab);
    rig.b.attach(this.slab);
    this.rxO = this.slab.reserve(HEADROOM + PACKET_MAX + 200) + HEADROOM + 100;
    this.#txO = this.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    this.#elsewhere = this.slab.reserve(PACKET_MAX + 100) + 1;
  }

  put(shape: Partial<Shape>): void {
    put(this.slab, this.tx, this.#txO, this.#elsewhere, shape);
  }

  transmit(): number {
    return this.rig.a.transmit(this.tx, 0);
  }

  send(shape: Partial<Shape>): void {
    this.put(shape);
    expect(this.transmit()).toBe(TX_OK);
  }

  receive(): number {
    this.rx.clear();
    this.rx.o = this.rxO;
    return this.rig.b.receive(this.rx, 0);
  }

  pass(shape: Partial<Shape>, packets: number, bytes = 0): Promise<Arrived[]> {
    this.send(shape);
    return this.collect(packets, bytes);
  }

  /** What arrives until there are so many packets and bytes, or nothing more comes. */
  async collect(packets: number, bytes = 0): Promise<Arrived[]> {
    const arrived: Arrived[] = [];
    let got = 0;
    for (let quiet = 0; quiet < 150 && (arrived.length < packets || got < bytes); ) {
      if (this.receive() > 0) {
        arrived.push(readArrived(this.slab, this.rx));
        got += arrived.at(-1)!.payload.length;
        quiet = 0;
      } else {
        quiet++;
        await Bun.sleep(1);
      }
    }
    return arrived;
  }
}

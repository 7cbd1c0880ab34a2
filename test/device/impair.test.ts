import { expect, test } from "bun:test";
import { Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import { type Device, NO_OFFLOAD, RX_GONE, RX_NONE, TX_AGAIN, TX_GONE, TX_OK } from "#device/device";
import { ImpairDevice, type ImpairOptions } from "#device/impair";
import { LINK_LOSS, LINK_TOO_BIG } from "#device/link-marks";
import { parseLinks } from "#device/link-words";
import { pair } from "#device/pair";
import { bytesAllocated } from "../support/allocation.ts";

/** An impaired end of a pair with its slab, and the plain other end with its own. */
function impaired(words: string, options: Partial<ImpairOptions> = {}) {
  const [near, far] = pair({ mtu: 1_500 });
  const device = new ImpairDevice(near, { profiles: parseLinks(words), seed: 1, now: 0, ...options });
  return { device, near: new End(device), far: new End(far) };
}

/** A device with a slab, sending packets that are one number repeated. */
class End {
  readonly slab = new Slab(1 << 20);
  readonly packet = new Packet();
  readonly #device: Device;
  readonly #txO: number;
  readonly #rxO: number;

  constructor(device: Device) {
    this.#device = device;
    device.attach(this.slab);
    this.#txO = this.slab.reserve(65_536);
    this.#rxO = this.slab.reserve(65_536);
  }

  send(id: number, now: number, bytes = 100): number {
    this.slab.u8.fill(id, this.#txO, this.#txO + bytes);
    this.packet.clear();
    this.packet.o = this.#txO;
    this.packet.n = bytes;
    return this.#device.transmit(this.packet, now);
  }

  /** The number of the packet that is there, or what receive says. */
  receive(now: number): string {
    this.packet.o = this.#rxO;
    const n = this.#device.receive(this.packet, now);
    if (n === RX_NONE) return "none";
    return n === RX_GONE ? "gone" : `${this.slab.u8[this.packet.o + n - 1]}`;
  }
}

test("a change rings whoever sleeps until the old link had something to do", () => {
  const { device } = impaired("down 0s-1h");
  let rung = 0;
  device.set(parseLinks("clear"), 1);
  device.wakeable!.arm(() => rung++);
  device.set(parseLinks("loss 1%"), 2);
  expect(rung).toBe(1);
  expect(device.profiles).toEqual(parseLinks("loss 1%"));
  device.wakeable!.disarm();
  device.set(parseLinks("clear"), 3);
  expect(rung).toBe(1);
});

test("out delays what leaves, in what comes", () => {
  const { device, near, far } = impaired("out delay 20ms in delay 5ms");
  expect(near.send(1, 0)).toBe(TX_OK);
  far.send(2, 0);
  expect(near.receive(0)).toBe("none");
  expect(device.nextDeadline()).toBe(5_000);
  expect(near.receive(4_999)).toBe("none");
  expect(near.receive(5_000)).toBe("2");
  expect(device.nextDeadline()).toBe(20_000);
  expect(far.receive(19_999)).toBe("none");
  near.receive(20_000);
  expect(far.receive(20_000)).toBe("1");
  expect(device.nextDeadline()).toBe(NEVER);
});

test("a clear profile is transparent", () => {
  const { near, far } = impaired("");
  near.send(1, 0);
  expect(far.receive(0)).toBe("1");
  far.send(2, 0);
  expect(near.receive(0)).toBe("2");
});

test("it can be changed while it runs", () => {
  const { device, near, far } = impaired("");
  device.set(parseLinks("out loss 100%"), 10);
  near.send(1, 11);
  expect(far.receive(11)).toBe("none");
  expect(device.out.counters.get(LINK_LOSS)).toBe(1);
  device.set(parseLinks(""), 12);
  near.send(2, 13);
  expect(far.receive(13)).toBe("2");
});

test("it offers no offload, and refuses a device that has some", () => {
  const { device } = impaired("");
  expect(device.offload).toEqual(NO_OFFLOAD);
  const [fast] = pair({ offload: { checksum: true, tso4: false, tso6: false } });
  expect(() => new ImpairDevice(fast, { profiles: parseLinks(""), seed: 1, now: 0 })).toThrow("without offload");
});

test("a packet beyond the MTU: whoever sent it gets the ICMP error, on either side", () => {
  const told: number[] = [];
  const tooBig: ImpairOptions["tooBig"] = (slab, packet, mtu, reply) => {
    told.push(packet.total(), mtu);
    slab.u8.fill(77, reply.o, reply.o + 56);
    reply.n = 56;
    return true;
  };
  const { device, near, far } = impaired("out mtu 700 in mtu 600", { tooBig });
  expect(near.send(1, 0, 701)).toBe(TX_OK);
  expect(device.nextDeadline()).toBe(0);
  expect(near.receive(0)).toBe("77");
  expect(near.receive(0)).toBe("none");
  far.send(2, 1, 601);
  expect(near.receive(1)).toBe("none");
  expect(far.receive(1)).toBe("77");
  expect(told).toEqual([701, 700, 601, 600]);
  device.set(parseLinks("out mtu 700 silent"), 2);
  near.send(1, 2, 701);
  expect(near.receive(2)).toBe("none");
  expect(device.out.counters.get(LINK_TOO_BIG)).toBe(2);
});

test("a packet that the device below has no room for waits its turn; none is lost or overtaken", () => {
  const sent: number[] = [];
  let room = 0;
  const slab = new Slab(1 << 20);
  const narrow: Device = {
    name: "narrow",
    mtu: 1_500,
    queueLength: 1,
    offload: NO_OFFLOAD,
    attach: () => {},
    receive: () => RX_NONE,
    transmit: (packet) => {
      if (room === 0) return TX_AGAIN;
      room--;
      sent.push(slab.u8[packet.o]!);
      return TX_OK;
    },
    nextDeadline: () => NEVER,
    close: () => {},
  };
  const device = new ImpairDevice(narrow, { profiles: parseLinks(""), seed: 1, now: 0 });
  device.attach(slab);
  const o = slab.reserve(4_096);
  const packet = new Packet();
  for (let id = 1; id <= 4; id++) {
    slab.u8.fill(id, o, o + 50);
    packet.clear();
    packet.o = o;
    packet.n = 50;
    expect(device.transmit(packet, id)).toBe(TX_OK);
  }
  expect(sent).toEqual([]);
  expect(device.nextDeadline()).toBe(0);
  for (let i = 0; i < 4; i++) {
    room = 1;
    packet.o = o;
    device.receive(packet, 10 + i);
  }
  expect(sent).toEqual([1, 2, 3, 4]);
  expect(device.nextDeadline()).toBe(NEVER);
});

test("when the device below is gone, so is this one", () => {
  const { device, near, far } = impaired("");
  far.send(9, 0);
  device.close();
  expect(near.receive(0)).toBe("gone");
  expect(near.send(1, 0)).toBe(TX_GONE);
});

test("a busy device cannot hold up a turn: at most 64 packets are read in one call", () => {
  const { device, near, far } = impaired("in delay 1ms");
  for (let i = 0; i < 200; i++) far.send(i, 0);
  near.receive(0);
  expect(device.in.inFlight).toBe(64);
});

test("once warm, 50,000 packets each way allocate nothing", () => {
  const { near, far } = impaired("delay 50us loss 1%");
  let now = 0;
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      now += 10;
      near.send(1, now);
      far.send(2, now);
      near.packet.o = 0;
      near.receive(now);
      far.receive(now);
    }
  };
  run(30_000);
  expect(bytesAllocated(() => run(50_000))).toBeLessThan(1024 * 1024);
});

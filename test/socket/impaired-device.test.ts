/** The link model in front of a device of a user's own, in real time. */
import { describe, expect, test } from "bun:test";
import { FULL_OFFLOAD } from "#device/device";
import { pair } from "#device/pair";
import { createStack } from "#socket/create-stack";
import { ImpairedDevice } from "#socket/impaired-device";

/** Two stacks; what the first one sends and receives crosses the link. */
async function over(link: string) {
  const [a, b] = pair();
  const device = new ImpairedDevice(a, link, { seed: 7 });
  const near = await createStack({ device, address: "10.0.0.7/24" });
  const far = await createStack({ device: b, address: "10.0.0.5/24" });
  return { device, near, far, end: () => Promise.all([near.close(), far.close()]) };
}

describe("an impaired device", () => {
  test("delays what crosses it, both ways, until it is told otherwise", async () => {
    const w = await over("delay 30ms");
    const slow = await w.near.ping("10.0.0.5");
    expect(slow.average).toBeGreaterThanOrEqual(60);
    w.device.set("delay 1ms");
    const quick = await w.near.ping("10.0.0.5", { count: 3, interval: 10 });
    expect(Math.min(...quick.results.map(({ time }) => time!))).toBeLessThan(60);
    await w.end();
  });

  test("loses what it is told to, and counts it; TCP delivers all the same", async () => {
    const w = await over("loss 10%");
    w.near.listen({
      port: 7,
      socket: { data: (socket, bytes) => socket.write(bytes), end: (socket) => socket.closeWrite() },
    });
    const socket = w.far.connect("10.0.0.7:7");
    const sent = new Uint8Array(100_000).map((_, i) => i * 31);
    const writer = socket.writable.getWriter();
    void writer.write(sent).then(() => writer.close());
    expect(await new Response(socket.readable).bytes()).toEqual(sent);
    const { out, in: back } = w.device.counters();
    expect(out["link.loss"]! + back["link.loss"]!).toBeGreaterThan(0);
    await w.end();
  });

  test("one direction alone can be broken", async () => {
    const w = await over("out loss 100%");
    const { received } = await w.near.ping("10.0.0.5", { timeout: 50 });
    expect([received, w.device.link]).toEqual([0, "out loss 100% in clear"]);
    expect(w.device.counters().in["link.loss"]).toBeUndefined();
    w.device.set("clear");
    expect(w.device.link).toBe("clear");
    expect((await w.near.ping("10.0.0.5")).received).toBe(1);
    await w.end();
  });

  test("a packet larger than the link's MTU is answered with an ICMP error, so TCP learns the path's", async () => {
    const w = await over("out mtu 1000");
    w.far.listen({ port: 7, socket: { data() {}, end: (socket) => socket.closeWrite() } });
    const socket = w.near.connect("10.0.0.5:7");
    socket.write(new Uint8Array(5_000));
    socket.closeWrite();
    await socket.closed;
    expect(socket.info().mss).toBeLessThan(1_000);
    expect(w.device.counters().out["link.too-big"]).toBeGreaterThan(0);
    await w.end();
  });

  test("words that are not understood are refused, with their place, and change nothing", () => {
    const make = (link: unknown) => new ImpairedDevice(pair()[0], link as string);
    expect(() => make("los 3%")).toThrow(/did you mean loss\? \(column 1 of "los 3%"\)$/);
    expect(() => new ImpairedDevice("loss 3%" as never, "")).toThrow('device must be an open device, not "loss 3%"');
    expect(() => make(3)).toThrow('a link is described in words, such as "loss 3% delay 40ms", not 3');
    const device = make("delay 5ms");
    expect(() => device.set("loss much")).toThrow(/column 6 of "loss much"/);
    expect(device.link).toBe("delay 5ms");
    expect(() => new ImpairedDevice(pair()[0], "", { seed: -1 })).toThrow("seed must be a whole number");
    const [offloading] = pair({ offload: FULL_OFFLOAD });
    expect(() => new ImpairedDevice(offloading, "loss 1%")).toThrow(/pair0 leaves work to the kernel \(offload\)/);
  });
});

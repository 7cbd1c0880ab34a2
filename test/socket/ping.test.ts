/** `ping`: round trips, time-outs, ICMP errors in words, and replies that answer nothing. */
import { describe, expect, test } from "bun:test";
import { createStack } from "#socket/create-stack";
import { type PingResult, pair } from "../../src/index.ts";
import { HOST, PEER, rejection, world } from "./world.ts";

const v6 = { host: { address: [`${HOST}/24`, "fd00::7/64"] }, peer: { address: [`${PEER}/24`, "fd00::5/64"] } };

describe("ping", () => {
  test.each([HOST, "fd00::7"])("%s answers, with the path's round trip in ms", async (to) => {
    const w = await world({ ...v6, link: "delay 12.5ms" });
    const summary = await w.until(w.peer.ping(to));
    expect(summary).toMatchObject({ address: to, sent: 1, received: 1, min: 25, average: 25, max: 25 });
    expect(summary.results).toEqual([{ sequence: 1, time: 25, ttl: 64, error: null }]);
  });

  test.each([0, 7, 8, 1_472, 1_473, 20_000, 65_507])(
    "%d octets of data come back, in fragments where they must",
    async (size) => {
      const w = await world(v6);
      for (const to of [HOST, "fd00::7"]) expect((await w.until(w.peer.ping(to, { size }))).received).toBe(1);
    },
  );

  test("several requests go at the interval, and each result is reported as it comes", async () => {
    const w = await world({ link: "delay 10ms" });
    const seen: [number, number][] = [];
    const onResult = ({ sequence }: PingResult) => void seen.push([sequence, w.sim.now / 1_000]);
    const begun = w.sim.now / 1_000;
    const summary = await w.until(w.peer.ping(HOST, { count: 4, interval: 100, onResult }));
    expect([summary.sent, summary.received]).toEqual([4, 4]);
    expect(seen.map(([sequence, at]) => [sequence, at - begun])).toEqual(
      [1, 2, 3, 4].map((k) => [k, 20 + (k - 1) * 100]),
    );
  });

  test("replies may overtake one another: results are in order of the requests", async () => {
    const w = await world({ link: "delay 50ms reorder 25%" });
    const came: number[] = [];
    const onResult = ({ sequence }: PingResult) => void came.push(sequence);
    const { results } = await w.until(w.peer.ping(HOST, { count: 100, interval: 1, onResult }));
    expect(came).not.toEqual(came.toSorted((a, b) => a - b));
    expect(results.map(({ sequence }) => sequence)).toEqual(came.toSorted((a, b) => a - b));
  });

  test("no reply in time is a result of its own, and a late reply changes nothing", async () => {
    const w = await world({ link: "delay 300ms" });
    const summary = await w.until(w.peer.ping(HOST, { count: 2, interval: 10, timeout: 500 }));
    expect(summary).toMatchObject({ sent: 2, received: 0, min: null, average: null, max: null });
    for (const { error } of summary.results) {
      expect(error).toMatchObject({
        name: "ConnectionError",
        code: "ETIMEDOUT",
        message: `${HOST} did not answer within 500 ms`,
      });
    }
    await w.pass(1_000);
    expect(w.peer.counters()).toMatchObject({ "icmp.echo-timeout": 2, "icmp.echo-unknown": 2 });
    expect(w.peer.engine.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test("loss of some is told one by one", async () => {
    const w = await world({ link: "delay 5ms loss 30%", seed: 3 });
    const { sent, received, results } = await w.until(w.peer.ping(HOST, { count: 50, interval: 20, timeout: 1_000 }));
    expect([sent, results.length]).toEqual([50, 50]);
    expect(received).toBe(results.filter(({ error }) => error === null).length);
    expect(received).toBeGreaterThan(10);
    expect(received).toBeLessThan(45);
  });

  test("an IPv6 path that carries less is told once, and then known, also for the reply", async () => {
    const w = await world({ ...v6, link: "delay 1ms mtu 1300" });
    const { results } = await w.until(w.peer.ping("fd00::7", { size: 1_400, count: 3, interval: 50 }));
    expect(results[0]!.error).toMatchObject({ code: "EMSGSIZE" });
    expect(results[0]!.error!.message).toContain(
      "1400 octets of data are too many for the path to fd00::7 (ICMP error from",
    );
    // The second request comes in fragments; its reply tells the other side.
    expect(results.slice(1).map(({ error }) => error?.code)).toEqual(["ETIMEDOUT", undefined]);
  });

  test("many at one time are kept apart; at the limit the next one is refused", async () => {
    const w = await world();
    const all = Array.from({ length: 1_024 }, () => w.peer.ping(HOST));
    expect(() => w.peer.ping(HOST)).toThrow("too many echo requests at one time");
    const summaries = await w.until(Promise.all(all));
    // The answering side's queue holds 64 replies, and ours goes out at once: what it lost was counted there.
    const lost = w.host.counters()["icmp.queue-full"] ?? 0;
    expect(summaries.reduce((sum, { received }) => sum + received, 0)).toBe(1_024 - lost);
    expect((await w.until(w.peer.ping(HOST))).received).toBe(1);
  });

  test("a signal ends it with its reason; a closed stack and a vanished device with their errors", async () => {
    const w = await world({ link: "loss 100%" });
    const abort = new AbortController();
    const aborted = rejection(w.peer.ping(HOST, { count: 100, signal: abort.signal }));
    await w.pass(1_500);
    abort.abort(new Error("enough"));
    expect(await aborted).toMatchObject({ message: "enough" });
    expect(await rejection(w.peer.ping(HOST, { signal: abort.signal }))).toMatchObject({ message: "enough" });
    await w.pass(5_000);
    expect(w.peer.counters()["icmp.echo-sent"]).toBe(2);
    const waits = rejection(w.peer.ping(HOST));
    await w.peer.close();
    expect(await waits).toMatchObject({ code: "ECONNABORTED" });

    const [a, b] = pair({ names: ["tun7", "tun8"] });
    const stack = await createStack({ device: a, address: `${HOST}/24` });
    const pinging = rejection(stack.ping(PEER));
    a.close();
    b.close();
    expect(await pinging).toMatchObject({ code: "ENETDOWN" });
    await stack.close();
  });

  test("a name is resolved by the stack: its first address is asked, of the source's family if that is given", async () => {
    const resolve = (name: string) => (name === "six.example" ? ["fd00::7"] : [HOST, "fd00::7"]);
    const w = await world({ ...v6, peer: { ...v6.peer, resolve } });
    expect(await w.until(w.peer.ping("host.example"))).toMatchObject({ address: HOST, received: 1 });
    const six = await w.until(w.peer.ping("host.example", { localAddress: "fd00::5" }));
    expect(six).toMatchObject({ address: "fd00::7", localAddress: "fd00::5", received: 1 });
    expect(await w.until(w.peer.ping("localhost"))).toMatchObject({ address: "::1", received: 1 });
    expect(await rejection(w.peer.ping("six.example", { localAddress: PEER }))).toMatchObject({
      code: "ENOTFOUND",
      message: "six.example has no IPv4 address",
    });
  });

  test("a name that is not found rejects; a signal and a closed stack end the ping of one that is being resolved", async () => {
    const resolve = (name: string) => (name === "never.example" ? new Promise<string[]>(() => {}) : []);
    const w = await world({ peer: { resolve } });
    expect(await rejection(w.peer.ping("no.example"))).toMatchObject({
      code: "ENOTFOUND",
      message: "no.example has no address",
    });
    const abort = new AbortController();
    const aborted = rejection(w.peer.ping("never.example", { signal: abort.signal }));
    abort.abort(new Error("enough"));
    expect(await aborted).toMatchObject({ message: "enough" });
    const closed = rejection(w.peer.ping("never.example"));
    await w.peer.close();
    expect(await closed).toMatchObject({
      code: "ECONNABORTED",
      message: "the stack was closed during the ping of never.example",
    });
    expect(w.peer.counters()["icmp.echo-sent"]).toBe(undefined);
  });

  test.each([
    [["example.com"], "this stack does not resolve names"],
    [[7], 'address must be a text such as "10.0.0.7", not 7'],
    [["224.0.0.1"], "224.0.0.1 is a multicast address, which this stack does not support"],
    [["10.0.1.255"], "10.0.1.255 is not the address of a host"],
    [["fd00::1"], "this stack has no IPv6 address"],
    [[HOST, { count: 0 }], "count must be a whole number from 1 to 65535, not 0"],
    [[HOST, { size: 65_508 }], "size must be a whole number from 0 to 65507"],
    [[HOST, { interval: 0 }], "interval must be a time in ms above 0"],
    [[HOST, { timeout: -1 }], "timeout must be a time in ms above 0"],
    [[HOST, { deadline: 1 }], 'ping\'s second argument has no "deadline"'],
    [[HOST, { localAddress: "10.9.9.9" }], "10.9.9.9 is not an address of this stack"],
  ])("ping(%j) is refused in words", async (given, words) => {
    const w = await world();
    const loose = w.peer as unknown as { ping(...given: unknown[]): Promise<unknown> };
    expect(() => loose.ping(...given)).toThrow(words);
  });
});

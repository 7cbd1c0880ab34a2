/** Whatever the other side sends, or leaves out: it is bounded, told in words, and the next test runs. */
import { expect, test } from "bun:test";
import { Client } from "#lab/bench/client";
import { readParameters } from "#lab/bench/parameters";
import { BenchError, ControlBuffer, makeCookie, message, PARAM_EXCHANGE, RESULTS_MAX } from "#lab/bench/protocol";
import { StackTransport } from "#lab/bench/stack-transport";
import { createStack, pair, type Socket } from "../../src/index.ts";
import { BULK, PORT, Told, type World, world } from "./world.ts";

/** A connection that sends these octets, each piece after the answer to the one before. Resolves with what came until it was over. */
async function say(w: World, ...pieces: readonly (Uint8Array | string)[]): Promise<number[]> {
  const got: number[] = [];
  const over = Promise.withResolvers<void>();
  const left = pieces.map((piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece));
  const next = (socket: Socket) => {
    const piece = left.shift();
    if (piece !== undefined) socket.write(piece);
  };
  w.client.connect(
    { hostname: "10.0.0.7", port: PORT },
    {
      socket: {
        open: next,
        data(socket, bytes) {
          got.push(...bytes);
          next(socket);
          return undefined;
        },
        end: (socket) => socket.closeWrite(),
        close: () => over.resolve(),
      },
    },
  );
  await over.promise;
  return got;
}

/** A data connection that sends more than a request, reads a little, and ends so. */
async function half(w: World, cookie: Uint8Array, how: "closeWrite" | "abort"): Promise<void> {
  const socket = w.client.connect({ hostname: "10.0.0.7", port: PORT });
  await socket.opened;
  socket.write(together(cookie, new Uint8Array(150_000)));
  await Bun.sleep(30);
  socket[how]();
}

const length = (n: number) => new Uint8Array(new Uint32Array([n]).buffer).reverse();
const together = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

test("clients that send garbage, a length of 4 GB, no cookie, or bad parameters are dropped in words, and the next test runs", async () => {
  const w = await world({ patience: 300 });
  const parameters = (given: unknown) => together(message(given));
  const refusals: readonly (readonly [RegExp, readonly (Uint8Array | string)[]])[] = [
    [/10\.0\.0\.5 does not speak iperf3's protocol/, ["GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"]],
    [/10\.0\.0\.5 does not speak iperf3's protocol/, [crypto.getRandomValues(new Uint8Array(1000)).fill(0xff, 3, 9)]],
    [/connected and sent no cookie/, []],
    [/connected and sent no cookie/, ["abc"]],
    [/not sent its parameters within/, [makeCookie()]],
    [/announced a message of 4294967295 octets/, [makeCookie(), length(0xffff_ffff)]],
    [/announced a message of 0 octets/, [makeCookie(), length(0)]],
    [/sent a message that is not JSON/, [makeCookie(), together(length(3), new TextEncoder().encode("{x}"))]],
    [/more than the protocol allows|not JSON/, [makeCookie(), new Uint8Array(200_000).fill(0, 0, 4).fill(0xff, 2, 4)]],
    [/are not a JSON object/, [makeCookie(), parameters([1])]],
    [/"parallel" is not a number from 1 to 128/, [makeCookie(), parameters({ tcp: true, parallel: 1e9 })]],
    [/"len" is not a number/, [makeCookie(), parameters({ tcp: true, len: 1 << 30 })]],
    [/wants UDP/, [makeCookie(), parameters({ udp: true })]],
    [/kind of test/, [makeCookie(), parameters({ tcpnet: { mode: "rm" } })]],
    [/not sent its data connections within/, [makeCookie(), parameters({ tcp: true, time: 1 })]],
    [/state 99 at the wrong time/, [makeCookie(), parameters({ tcp: true }), Uint8Array.of(99)]],
    [/the client ended the test/, [makeCookie(), parameters({ tcp: true }), Uint8Array.of(12)]],
  ];
  for (const [words, pieces] of refusals) {
    const before = w.warnings.length;
    await say(w, ...pieces);
    expect(w.warnings.slice(before).join()).toMatch(words);
  }
  expect(w.bench.active).toBe(0);
  expect((await w.test({ num: 100_000, time: 10 })).failure).toBeNull();
  await w.close();
}, 60_000);

test("connections with the cookie of no test begin one; more data connections than agreed are reset", async () => {
  const w = await world({ patience: 500 });
  const cookie = makeCookie();
  const control = say(w, cookie, message({ tcp: true, parallel: 1, time: 1 }));
  await Bun.sleep(100);
  // The first one is the data connection, the second one too many.
  const data = say(w, cookie);
  await Bun.sleep(50);
  expect(await say(w, cookie)).toEqual([]);
  await Promise.all([control, data]);
  await w.close();
});

test("data connections that are half-closed or reset in the middle of a test end it in words, whoever sends", async () => {
  const w = await world({ patience: 2_000 });
  const kinds = [{}, { reverse: true }, { bidirectional: true }, { tcpnet: { mode: "rr" }, len: 100_000 }];
  for (const kind of kinds) {
    for (const how of ["closeWrite", "abort"] as const) {
      const cookie = makeCookie();
      const before = w.warnings.length;
      const control = say(w, cookie, message({ tcp: true, parallel: 1, time: 0, ...kind }));
      await Bun.sleep(30);
      for (let i = 0; i < (kind.bidirectional === true ? 2 : 1); i++) await half(w, cookie, how);
      await control;
      expect([kind, how, w.bench.active]).toEqual([kind, how, 0]);
      expect(w.warnings.slice(before).join()).toContain("a test ended early: 10.0.0.5: a data connection failed");
    }
  }
  expect((await w.test({ num: 100_000, time: 10 })).failure).toBeNull();
  await w.close();
}, 60_000);

test("--crr: a client that closes its direction behind a large request gets the whole response", async () => {
  // The response fits the send buffer only in pieces.
  const w = await world({ patience: 2_000 }, { sendBuffer: 50_000 });
  const cookie = makeCookie();
  const control = say(w, cookie, message({ tcp: true, parallel: 1, time: 0, len: 1 << 20, tcpnet: { mode: "crr" } }));
  while (w.reports[0]?.starts !== 1) await Bun.sleep(5);
  const socket = w.client.connect({ hostname: "10.0.0.7", port: PORT });
  const request = together(cookie, new Uint8Array(1 << 20));
  for (let at = 0; at < request.length; ) {
    at += socket.write(request, at);
    if (at < request.length) await socket.drained();
  }
  socket.closeWrite();
  let got = 0;
  const buffer = new Uint8Array(65_536);
  for (let n = await socket.read(buffer); n > 0; n = await socket.read(buffer)) got += n;
  expect(got).toBe(1 << 20);
  w.bench.stop();
  await control;
  await w.close();
});

/** A server that answers the cookie with these octets, or with nothing. */
async function badServer(...answers: readonly Uint8Array[]): Promise<unknown> {
  const [a, b] = pair();
  const server = await createStack({ device: a, address: "10.0.0.7/24" });
  const client = await createStack({ device: b, address: "10.0.0.5/24" });
  const left = [...answers];
  server.listen({
    port: PORT,
    socket: {
      data(socket) {
        const answer = left.shift();
        if (answer !== undefined) socket.write(answer);
        return undefined;
      },
      end: (socket) => socket.closeWrite(),
    },
  });
  const transport = new StackTransport({ stack: client, hostname: "10.0.0.7", port: PORT, socket: {}, timeout: 1_000 });
  const options = { transport, parameters: BULK, report: new Told(), interval: 0, patience: 300, version: "test" };
  const error = await new Client(options).run().catch((reason: unknown) => reason);
  await Promise.all([server.close(), client.close()]);
  return error;
}

test("a server that is silent, or speaks something else, is told in words within the time allowed", async () => {
  const cases: readonly (readonly [RegExp, readonly Uint8Array[]])[] = [
    [/not sent the first answer within 0\.3 s/, []],
    [/not sent an answer to the parameters/, [Uint8Array.of(PARAM_EXCHANGE)]],
    [/not sent the start of the test/, [Uint8Array.of(PARAM_EXCHANGE), Uint8Array.of(10)]],
    [/state 72, which this client does not know/, [new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")]],
    [/ended a test that had not begun/, [Uint8Array.of(13)]],
    [/ended a test that had not begun/, [Uint8Array.of(14)]],
    [/ended a test that had not begun/, [Uint8Array.of(2)]],
    [/the server is busy running a test/, [Uint8Array.of(0xff)]],
    [
      /does not know this congestion control \(iperf3's error 134, errno 2\)/,
      [Uint8Array.of(0xfe, 0, 0, 0, 134, 0, 0, 0, 2)],
    ],
    [/not sent the number of its error/, [Uint8Array.of(0xfe, 0, 0)]],
    [/asked twice for the parameters/, [new Uint8Array(300_000).fill(PARAM_EXCHANGE)]],
  ];
  for (const [words, answers] of cases) {
    const error = await badServer(...answers);
    expect(error).toBeInstanceOf(BenchError);
    expect((error as BenchError).message).toMatch(words);
  }
}, 60_000);

test("a control connection keeps at most one message and a few octets, however it is cut", () => {
  const buffer = new ControlBuffer();
  const whole = together(Uint8Array.of(1, 0xfe), message({ a: [1, 2] }), Uint8Array.of(14));
  for (const octet of whole) buffer.add(Uint8Array.of(octet));
  expect([buffer.state(), buffer.state(), buffer.message(), buffer.state(), buffer.state()]).toEqual([
    1,
    -2,
    { a: [1, 2] },
    14,
    null,
  ]);
  buffer.limit = RESULTS_MAX;
  buffer.add(length(RESULTS_MAX + 1));
  expect(() => buffer.message()).toThrow(BenchError);
  expect(() => buffer.add(new Uint8Array(RESULTS_MAX + 100))).toThrow(BenchError);
});

test("parameters that are left out have iperf3's defaults", () => {
  expect(readParameters({ tcp: true })).toEqual({
    mode: "bulk",
    time: 0,
    omit: 0,
    num: 0,
    parallel: 1,
    reverse: false,
    bidirectional: false,
    len: 131_072,
    bandwidth: 0,
    congestion: "",
  });
});

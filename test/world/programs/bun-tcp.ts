/** `Bun.listen` and `Bun.connect`: the same bodies with Bun's own over loopback, and between hosts of a world, come to the same. */

import timers from "node:timers/promises";
import { assert, between, report } from "./cases.ts";

type Socket = Bun.Socket<string>;

/** Where a body runs: who serves, who connects, and how both wait. */
interface Ground {
  readonly hostname: string;
  serve<T>(work: () => T): T;
  connect<T>(work: () => T): T;
  pause(ms: number): Promise<unknown>;
}

/** Notes what happens, by side. */
const body: Readonly<Record<string, (ground: Ground, note: (...what: unknown[]) => void) => Promise<unknown>>> = {
  "both sides open, talk, and end": async (ground, note) => {
    const listener = ground.serve(() =>
      Bun.listen<string>({
        hostname: "0.0.0.0",
        port: 0,
        data: "served",
        socket: {
          open: (socket) => note("s open", socket.data, socket.readyState),
          data(socket, octets) {
            note("s data", Buffer.isBuffer(octets), String(octets));
            socket.write(`${octets}!`);
          },
          end: () => note("s end"),
          close: (_, error) => note("s close", error === undefined),
        },
      }),
    );
    const socket = await ground.connect(() =>
      Bun.connect<string>({
        hostname: ground.hostname,
        port: listener.port,
        data: "mine",
        socket: {
          open: (socket) => note("c open", socket.data),
          data: (_, octets) => note("c data", String(octets)),
          end: () => note("c end"),
          close: (_, error) => note("c close", error === undefined),
        },
      }),
    );
    note("c connected", socket.readyState, socket.remotePort === listener.port);
    note("c write", socket.write("hello"), socket.bytesWritten);
    await ground.pause(200);
    note("c part", socket.write(Buffer.from("0123456"), 2, 3));
    await ground.pause(200);
    socket.end("bye");
    await ground.pause(300);
    note("c after", socket.readyState, socket.write("x"));
    listener.stop(true);
  },

  "a connection that nobody takes rejects, and is told to connectError": async (ground, note) => {
    const listener = ground.serve(() => Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } }));
    const { port } = listener;
    listener.stop(true);
    await ground.pause(50);
    const socket = {
      data() {},
      open: () => note("open"),
      connectError: (_: unknown, error: NodeJS.ErrnoException) => note(error.code),
    };
    await ground
      .connect(() => Bun.connect({ hostname: ground.hostname, port, socket: { data() {} } }))
      .catch((error) => note("rejects", error.code));
    await ground.connect(() => Bun.connect({ hostname: ground.hostname, port, socket })).catch(() => {});
    await ground.pause(100);
  },

  "terminate resets, and stop(true) ends what is open": async (ground, note) => {
    const accepted: Socket[] = [];
    const listener = ground.serve(() =>
      Bun.listen<string>({
        hostname: "0.0.0.0",
        port: 0,
        socket: { open: (socket) => void accepted.push(socket), data() {}, close: () => note("s close") },
      }),
    );
    const dial = () =>
      ground.connect(() =>
        Bun.connect({
          hostname: ground.hostname,
          port: listener.port,
          socket: { data() {}, close: () => note("c close") },
        }),
      );
    const first = await dial();
    await ground.pause(100);
    first.terminate();
    await ground.pause(200);
    note("one is over", accepted.length);
    await dial();
    await ground.pause(100);
    listener.stop(true);
    await ground.pause(200);
  },

  "a half-open connection goes on in the other direction": async (ground, note) => {
    const listener = ground.serve(() =>
      Bun.listen({
        hostname: "0.0.0.0",
        port: 0,
        allowHalfOpen: true,
        socket: {
          data: (_, octets) => note("s data", String(octets)),
          end(socket) {
            note("s end");
            socket.end("the answer");
          },
          close: () => note("s close"),
        },
      }),
    );
    const socket = await ground.connect(() =>
      Bun.connect({
        hostname: ground.hostname,
        port: listener.port,
        allowHalfOpen: true,
        socket: {
          data: (_, octets) => note("c data", String(octets)),
          end: () => note("c end"),
          close: () => note("c close"),
        },
      }),
    );
    socket.write("question");
    socket.shutdown();
    await ground.pause(300);
    listener.stop(true);
  },

  "more than fits is taken in parts, and drain tells when there is room": async (ground, note) => {
    let received = 0;
    const listener = ground.serve(() =>
      Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: (_, octets) => void (received += octets.length) } }),
    );
    const all = new Uint8Array(20_000_000);
    let sent = 0;
    let parts = 0;
    const go = (socket: Bun.Socket<undefined>) => {
      parts++;
      sent += Math.max(0, socket.write(all.subarray(sent)));
      if (sent === all.length) socket.end();
    };
    await ground.connect(() =>
      Bun.connect({ hostname: ground.hostname, port: listener.port, socket: { open: go, data() {}, drain: go } }),
    );
    for (let i = 0; i < 600 && received < all.length; i++) await ground.pause(50);
    note("received", received, "in parts", parts > 1);
    listener.stop(true);
  },
};

const real: Ground = {
  hostname: "127.0.0.1",
  serve: (work) => work(),
  connect: (work) => work(),
  pause: (ms) => timers.setTimeout(ms),
};

/** Notes by side: between two hosts, what one does at the same time as the other has no order. */
async function notes(ground: Ground, run: (typeof body)[string]): Promise<unknown> {
  const all: unknown[][] = [];
  await run(ground, (...what) => all.push(what));
  const ofServer = ([what]: readonly unknown[]) => String(what).startsWith("s ");
  return { server: all.filter(ofServer), client: all.filter((each) => !ofServer(each)) };
}

await report({
  ...Object.fromEntries(
    Object.entries(body).map(([name, run]) => [
      name,
      async () => {
        const expected = await notes(real, run);
        let found: unknown;
        await between(
          () => {},
          async (world) => {
            const [client, server] = [world.host("client"), world.host("server")];
            const ground: Ground = {
              hostname: "server",
              serve: (work) => server.run(work),
              connect: (work) => client.run(work),
              pause: (ms) => timers.setTimeout(ms),
            };
            found = await notes(ground, run);
          },
          { link: "delay 5ms rate 1gbit" },
        );
        assert.deepEqual(found, expected);
      },
    ]),
  ),
  "what it does not have is refused in words": () =>
    between(
      () => {},
      async () => {
        const socket = { data() {} };
        assert.throws(() => Bun.listen({ hostname: "0.0.0.0", port: 1, tls: true, socket } as never), {
          code: "ENOTSUP",
        });
        assert.throws(() => Bun.listen({ unix: "/tmp/none.sock", socket } as never), { code: "ENOTSUP" });
        assert.throws(() => Bun.listen({ hostname: "server", port: 1, socket }), { code: "EINVAL" });
        assert.throws(() => Bun.listen({ hostname: "0.0.0.0", port: 1 } as never), { code: "EINVAL" });
        await assert.rejects(Bun.connect({ hostname: "server", port: 1, tls: true, socket } as never), {
          code: "ENOTSUP",
        });
        Bun.listen({ hostname: "0.0.0.0", port: 1, socket });
        assert.throws(() => Bun.listen({ hostname: "0.0.0.0", port: 1, socket }), { code: "EADDRINUSE" });
      },
    ),
});

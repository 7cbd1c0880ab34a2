/** TLS, HTTPS and HTTP/2 between hosts of a world. */

import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import timers from "node:timers/promises";
import tls from "node:tls";
import { places } from "#lab/world/place";
import { certificate } from "../runners/certificate.ts";
import { assert, between, report } from "./cases.ts";

const { cert: ca } = certificate;
const where = () => places.getStore()?.name;

const textOf = (stream: NodeJS.ReadableStream) =>
  new Promise<string>((resolve, reject) => {
    let text = "";
    stream.on("data", (chunk) => (text += chunk));
    stream.on("end", () => resolve(text)).on("error", reject);
  });

const get = (options: object) =>
  new Promise<string>((resolve, reject) => {
    https.get({ host: "server", ca, ...options }, (response) => resolve(textOf(response))).on("error", reject);
  });

const serve = (port = 443) =>
  void https
    .createServer(certificate, (request, response) => response.end(`${request.url} at ${where()}`))
    .listen(port);

/** Made before any world, as modules of programs do. */
const early = https.createServer(certificate, (request, response) => response.end(`early ${request.url}`));
const sharedAgent = new https.Agent({ keepAlive: true, ca });

async function asked(): Promise<void> {
  assert.equal(await get({ path: "/get" }), "/get at server");
  assert.equal(await get({ path: "/agent", agent: sharedAgent }), "/agent at server");
  assert.equal(await get({ path: "/none", agent: false }), "/none at server");
  assert.equal(where(), "client");
}

/** What of a packet does not depend on random octets. */
const packetsOf = async (seed: number) => {
  const chat = () =>
    void tls
      .createServer(certificate, (socket) => socket.on("error", () => {}).on("data", (data) => socket.write(data)))
      .listen(8443);
  const world = await between(
    () => {
      serve();
      chat();
    },
    async () => {
      await asked();
      const socket = tls.connect({ host: "server", port: 8443, ca });
      for (let i = 0; i < 5; i++) {
        const sent = "x".repeat(3_000 * i + 1);
        socket.write(sent);
        let left = sent.length;
        while (left > 0) left -= ((await new Promise((resolve) => socket.once("data", resolve))) as Buffer).length;
      }
      socket.destroy();
    },
    { seed, link: "delay 20ms jitter 5ms loss 4%" },
  );
  const packets = world
    .packets()
    .map(({ time, link, flags, seq, ack, length, fate, arrived }) =>
      [time, link, flags, seq, ack, length, fate, arrived].join(" "),
    );
  return { packets, digest: world.digest, now: world.now };
};

await report({
  "servers of a world answer, also after one on this machine": async () => {
    const real = http.createServer((_, response) => response.end("real"));
    await new Promise<void>((resolve) => real.listen(0, "127.0.0.1", resolve));
    const { port } = real.address() as net.AddressInfo;
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "real");
    const plain = () => void http.createServer((_, response) => response.end("of the world")).listen(80);
    await between(plain, async () => assert.equal(await (await fetch("http://server/")).text(), "of the world"));
    await between(() => serve(), asked);
    await new Promise<void>((resolve) => {
      real.close(() => resolve());
      real.closeAllConnections();
    });
  },

  "https: by its own agent, by one of the program, by none": () => between(() => serve(), asked),

  "a server that was made before the world listens on the host that says listen": () =>
    between(
      () => void early.listen(443),
      async () => {
        assert.equal(await get({ path: "/x" }), "early /x");
        assert.equal(early.listening, true);
        assert.deepEqual(early.address(), { address: "0.0.0.0", family: "IPv4", port: 443 });
      },
    ),

  "an agent of the program keeps the connections of each host for itself": async () => {
    const world = await between(
      () => serve(),
      async (world) => {
        await get({ agent: sharedAgent });
        world.link("other", "server", "delay 20ms");
        assert.equal(await world.host("other").run(() => get({ path: "/o", agent: sharedAgent })), "/o at server");
      },
    );
    world.expectPacket({ from: "other", to: "server", flags: "SYN", port: 443 }, 1);
  },

  "a handshake takes round trips, and no virtual time besides": () =>
    between(
      () => void tls.createServer(certificate, (socket) => socket.resume().on("error", () => {})).listen(8443),
      async (world) => {
        const before = world.now;
        const socket = tls.connect(8443, "server", { ca });
        await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
        // One for TCP, one for TLS 1.3.
        assert.equal(world.now - before, 80);
        assert.deepEqual([socket.authorized, socket.getProtocol(), where()], [true, "TLSv1.3", "client"]);
        socket.destroy();
      },
    ),

  "what the runtime puts off is done before time goes on: packets leave when others arrive, however many timers there are":
    async () => {
      const world = await between(
        () => {
          serve();
          http2.createSecureServer(certificate, (request, response) => response.end(`h2 ${request.url}`)).listen(8444);
          setInterval(() => {}, 1);
        },
        async () => {
          for (let i = 0; i < 3; i++) await get({ path: "/x", agent: false });
          const session = http2.connect("https://server:8444", { ca });
          assert.equal(await textOf(session.request({ ":path": "/x" })), "h2 /x");
          await new Promise<void>((resolve) => session.close(resolve));
          await timers.setTimeout(200);
        },
      );
      const late = world.packets().filter(({ time }) => (time - 10) % 20 !== 0);
      assert.deepEqual(late, []);
      assert.ok(world.packets().length > 50);
    },

  "two runs of a seed have the same packets at the same times": async () => {
    const one = await packetsOf(3);
    assert.deepEqual(await packetsOf(3), one);
    assert.notDeepEqual((await packetsOf(4)).packets, one.packets);
    assert.ok(one.packets.length > 60 && one.packets.some((packet) => packet.includes(" lost")));
  },

  "a certificate that nobody trusts, or of another name, is refused": () =>
    between(
      () => serve(),
      async () => {
        const codeOf = (options: object) => get(options).catch((error: NodeJS.ErrnoException) => error.code);
        assert.equal(await codeOf({ ca: [] }), "DEPTH_ZERO_SELF_SIGNED_CERT");
        assert.equal(await codeOf({ servername: "other" }), "ERR_TLS_CERT_ALTNAME_INVALID");
        await assert.rejects(
          fetch("https://server/"),
          ({ cause }: Error) => (cause as NodeJS.ErrnoException).code === "DEPTH_ZERO_SELF_SIGNED_CERT",
        );
      },
    ),

  "fetch of https:, with options of TLS for one request": () =>
    between(
      () => serve(8443),
      async () => {
        const response = await fetch("https://server:8443/f", { tls: { ca } } as RequestInit);
        assert.equal(await response.text(), "/f at server");
      },
    ),

  "the idle timeout of a TLS socket is virtual, and starts again with each octet": () =>
    between(
      () =>
        void tls
          .createServer(certificate, (socket) => {
            socket.on("error", () => {});
            setTimeout(() => socket.write("late"), 3_000);
          })
          .listen(8443),
      async (world) => {
        const socket = tls.connect({ port: 8443, host: "server", ca });
        await new Promise((resolve) => socket.once("secureConnect", resolve));
        socket.setTimeout(5_000);
        const data = new Promise((resolve) => socket.once("data", resolve));
        await data;
        const arrived = world.now;
        await new Promise((resolve) => socket.once("timeout", resolve));
        assert.equal(world.now - arrived, 5_000);
        socket.setTimeout(0);
        socket.destroy();
      },
    ),

  "TLS over a socket of the program, however it was made, also of one that is not connected yet": () =>
    between(
      () => void tls.createServer(certificate, (socket) => socket.on("error", () => {}).pipe(socket)).listen(8443),
      async () => {
        const made = [
          () => net.connect(8443, "server"),
          () => new net.Socket().connect(8443, "server"),
          () => Reflect.construct(net.Socket, []).connect({ port: 8443, host: "server" }),
        ];
        for (const make of made) {
          for (const secure of [
            (socket: net.Socket) => tls.connect({ socket, ca, servername: "server" }),
            (socket: net.Socket) => tls.connect({ socket, ca, host: "server" }),
          ]) {
            const socket = make();
            assert.equal(socket instanceof net.Socket, true);
            const secured = secure(socket);
            assert.equal(secured instanceof tls.TLSSocket && secured instanceof net.Socket, true);
            secured.write("early");
            assert.equal(String(await new Promise((resolve) => secured.once("data", resolve))), "early");
            secured.destroy();
          }
        }
      },
    ),

  "HTTP/2, with and without TLS": () =>
    between(
      () => {
        http2.createSecureServer(certificate, (request, response) => response.end(`h2 ${request.url}`)).listen(443);
        http2.createServer((request, response) => response.end(`h2c ${request.url}`)).listen(80);
      },
      async () => {
        for (const [url, text] of [
          ["https://server", "h2 /x"],
          ["http://server", "h2c /x"],
        ] as const) {
          const session = http2.connect(url, { ca });
          assert.equal(await textOf(session.request({ ":path": "/x" })), text);
          session.close();
        }
      },
    ),

  "a class of the program that extends net.Server listens on the host": () =>
    between(
      () => void new (class extends net.Server {})((socket) => socket.end("own")).listen(7),
      async () => assert.equal(await textOf(net.connect(7, "server")), "own"),
    ),

  "servers tell their address, their connections, and that they are closed": () =>
    between(
      () => {},
      async (world) => {
        const host = world.host("server");
        await host.run(async () => {
          const server = http.createServer((_, response) => response.end("x"));
          const taken = http.createServer();
          await new Promise<void>((resolve) => server.listen(80, resolve));
          assert.deepEqual([server.listening, (server.address() as net.AddressInfo).port], [true, 80]);
          taken.listen(80);
          const error = await new Promise<NodeJS.ErrnoException>((resolve) => taken.on("error", resolve));
          assert.equal(error.code, "EADDRINUSE");
          await new Promise<void>((resolve) => void server.close(() => resolve()));
          assert.deepEqual([server.listening, server.address()], [false, null]);
        });
      },
    ),

  "a server of the program that restarts with its host serves again": () =>
    between(
      () => void early.listen(443),
      async (world) => {
        assert.equal(await get({ path: "/1", agent: false }), "early /1");
        world.restart("server");
        assert.equal(await get({ path: "/2", agent: false }), "early /2");
      },
    ),
});

/** `node:dgram`, and `Bun.udpSocket`, between hosts of a world. */

import dgram from "node:dgram";
import { once } from "node:events";
import timers from "node:timers/promises";
import { places } from "#lab/world/place";
import { assert, between, report } from "./cases.ts";

const where = () => places.getStore()?.name;

/** Answers each datagram, with the name of the host where it runs. */
function answering(port: number): void {
  const socket = dgram.createSocket("udp4", (octets, { address, port: from }) => {
    socket.send(`${octets} at ${where()}`, from, address);
  });
  socket.bind(port);
}

await report({
  "datagrams go by name, take the time of the link, and come back to the host that sent them": () =>
    between(
      () => answering(5353),
      async (world) => {
        const before = world.now;
        const socket = dgram.createSocket("udp4");
        assert.equal(socket instanceof dgram.Socket, true);
        socket.send("hello", 5353, "server");
        const [octets, remote] = await once(socket, "message");
        assert.deepEqual([String(octets), remote.address, where()], ["hello at server", "10.0.0.2", "client"]);
        assert.equal(world.now - before, 40);
        await new Promise<void>((resolve) => void socket.close(resolve));
        assert.throws(() => socket.send("x", 5353, "server"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
      },
    ),

  "they are lost with the link's loss, and a partition stops them": async () => {
    let heard = 0;
    const world = await between(
      () => void dgram.createSocket("udp4", () => heard++).bind(9),
      async (world) => {
        const socket = dgram.createSocket("udp4");
        for (let i = 0; i < 200; i++) {
          socket.send(`${i}`, 9, "server");
          await timers.setTimeout(10);
        }
        const before = heard;
        assert.ok(before > 120 && before < 180, `${before}`);
        world.partition(["client"], ["server"]);
        for (let i = 0; i < 20; i++) socket.send(`${i}`, 9, "server");
        await timers.setTimeout(100);
        assert.equal(heard, before);
      },
      { link: "delay 5ms loss 25%" },
    );
    assert.equal(world.packets({ from: "client", to: "server", port: 9, data: true, fate: "delivered" }).length, heard);
    const [first] = world.packets();
    assert.deepEqual([first!.toPort, first!.length, first!.flags], [9, 1, ""]);
    assert.match(first!.text, /^IP 10\.0\.0\.1\.\d+ > 10\.0\.0\.2\.9: UDP, length 1$/);
  },

  "fragments, pings and ICMP errors are packets of their hosts, without ports": async () => {
    const world = await between(
      () => {},
      async (world) => {
        dgram.createSocket("udp4").send(Buffer.alloc(3_000), 9, "server");
        await world.host("client").stack.ping("10.0.0.2");
        await timers.setTimeout(100);
      },
    );
    assert.deepEqual([world.packets({ from: "client" }).length, world.packets({ from: "server" }).length], [4, 2]);
    assert.ok(world.packets().every(({ fromPort, toPort }) => fromPort + toPort === 0));
  },

  "two runs of a seed are the same": async () => {
    const run = async (seed: number) => {
      const texts: string[] = [];
      const world = await between(
        () => answering(53),
        async () => {
          const socket = dgram.createSocket("udp4", (octets) => texts.push(String(octets)));
          for (let i = 0; i < 50; i++) socket.send(`${i} ${Math.random()}`, 53, "server");
          await timers.setTimeout(1_000);
        },
        { seed, link: "delay 10ms jitter 8ms loss 10%" },
      );
      return [world.digest, world.now, ...texts];
    };
    assert.deepEqual(await run(1), await run(1));
    assert.notDeepEqual(await run(1), await run(2));
  },

  "a host's port is its own, and another host may have the same": () =>
    between(
      () => answering(700),
      async (world) => {
        const socket = dgram.createSocket("udp4").bind(700);
        await once(socket, "listening");
        const second = dgram.createSocket("udp4").bind(700);
        const [error] = await once(second, "error");
        assert.equal(error.code, "EADDRINUSE");
        world.host("server").run(() => assert.equal(where(), "server"));
      },
    ),

  "after a crash its sockets are silent, and a restart binds the port again": () =>
    between(
      () => answering(7),
      async (world) => {
        const socket = dgram.createSocket("udp4");
        const heard: string[] = [];
        socket.on("message", (octets) => heard.push(String(octets)));
        world.crash("server");
        socket.send("one", 7, "server");
        await timers.setTimeout(100);
        assert.deepEqual(heard, []);
        world.restart("server");
        await timers.setTimeout(1);
        socket.send("two", 7, "server");
        await timers.setTimeout(100);
        assert.deepEqual(heard, ["two at server"]);
      },
    ),

  "a broadcast must be allowed, and multicast is refused in words": () =>
    between(
      () => answering(7),
      async () => {
        const socket = dgram.createSocket("udp4").bind(0);
        await once(socket, "listening");
        const sent = () =>
          new Promise<NodeJS.ErrnoException | null>((resolve) => socket.send("x", 7, "10.0.255.255", resolve as never));
        assert.equal((await sent())?.code, "EACCES");
        socket.setBroadcast(true);
        assert.equal(await sent(), null);
        assert.throws(() => socket.addMembership("224.0.0.251"), {
          code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
          message: "multicast (addMembership): a UDP socket of a tcpnet stack does not have it",
        });
        assert.throws(() => socket.setTTL(5), /^Error: setTTL: a UDP socket of a tcpnet stack does not have it$/);
      },
    ),

  "Bun.udpSocket": async () => {
    const { Bun: bun } = globalThis as { Bun?: { udpSocket(options: object): Promise<BunUdp> } };
    if (bun === undefined) return;
    interface BunUdp {
      readonly port: number;
      readonly hostname: string;
      send(data: string, port?: number, address?: string): boolean;
      sendMany(packets: unknown[]): number;
      close(): void;
    }
    const heard: unknown[] = [];
    await between(
      () =>
        bun.udpSocket({
          port: 53,
          socket: {
            data: (socket: BunUdp, data: Buffer, port: number, address: string) =>
              socket.send(`${data} at ${where()}`, port, address),
          },
        }),
      async () => {
        const data = (_: BunUdp, octets: Buffer, port: number, address: string, flags: object) =>
          heard.push([String(octets), Buffer.isBuffer(octets), port, address, flags]);
        const socket = await bun.udpSocket({ connect: { hostname: "server", port: 53 }, socket: { data } });
        assert.equal(socket.sendMany(["a", "b"]), 2);
        await timers.setTimeout(100);
        const flags = { truncated: false, ipv6: false };
        assert.deepEqual(
          heard,
          ["a", "b"].map((text) => [`${text} at server`, true, 53, "10.0.0.2", flags]),
        );
        socket.close();
      },
    );
  },
});

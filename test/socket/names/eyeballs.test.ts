/** Connections to names: Happy Eyeballs (RFC 8305) in virtual time, and the socket that stands for the connection until then. */
import { describe, expect, test } from "bun:test";
import type { ConnectOptions, Resolve, Socket, SocketHandlers } from "#socket/types";
import { CallError } from "#stack/call-error";
import { bytes, HOST, PORT, readAll, rejection, type World, world, writeAll } from "../world.ts";
import { records, serveDns } from "./dns-server.ts";

const SIX = "fd00:a::7";
const DEAD_FOUR = "10.0.0.99";
const DEAD_SIX = "fd00:a::99";
const NAME = `host.example:${PORT}`;

/** Both have addresses of both families; the link takes 10 ms each way. */
async function both(resolve?: Resolve): Promise<World> {
  return world({
    host: { address: [`${HOST}/24`, `${SIX}/64`] },
    peer: { address: ["10.0.1.5/24", "fd00:a::5/64"], ...(resolve === undefined ? {} : { resolve }) },
  });
}

/** Connects to a name with these addresses. */
const dial = (w: World, addresses: string[], options: ConnectOptions = {}) =>
  w.peer.connect(NAME, { resolve: () => addresses, ...options });

const ms = (w: World) => Math.round(w.sim.now / 1_000);

describe("attempts", () => {
  test("IPv6 is first, and if it answers nothing else is tried", async () => {
    const w = await both();
    const listener = w.host.listen({ port: PORT });
    const socket = dial(w, [HOST, SIX]);
    await w.until(socket.opened);
    expect([ms(w), socket.remoteAddress]).toEqual([20, `[${SIX}]:${PORT}`]);
    await w.until(listener.accept());
    await w.pass(2_000);
    expect(w.host.connections()).toHaveLength(1);
    expect(w.peer.connections()).toHaveLength(1);
  });

  test("an address that is silent costs 250 ms, then the other family is tried", async () => {
    const w = await both();
    w.host.listen({ port: PORT });
    const socket = dial(w, [DEAD_SIX, "fd00:a::98", HOST]);
    await w.until(socket.opened);
    expect([ms(w), socket.remoteAddress]).toEqual([270, `${HOST}:${PORT}`]);
    expect(w.peer.connections()).toHaveLength(1);
  });

  test("families take turns, and each family keeps the resolver's order", async () => {
    const w = await both();
    const tried: string[] = [];
    const socket = dial(w, [DEAD_FOUR, "10.0.0.98", DEAD_SIX, "fd00:a::98", "fd00:a::97"]);
    for (let i = 0; i < 5; i++) {
      await w.pass(i === 0 ? 1 : 250);
      const now = w.peer.connections().map(({ remoteAddress }) => remoteAddress);
      tried.push(...now.filter((each) => !tried.includes(each)));
    }
    expect(tried).toEqual([DEAD_SIX, DEAD_FOUR, "fd00:a::98", "10.0.0.98", "fd00:a::97"]);
    socket.abort();
    expect(w.peer.connections()).toEqual([]);
  });

  test("an address that refuses is left for the next one at once", async () => {
    const w = await both();
    w.host.listen({ port: PORT, hostname: HOST });
    const socket = dial(w, [SIX, HOST]);
    await w.until(socket.opened);
    expect([ms(w), socket.remoteAddress]).toEqual([40, `${HOST}:${PORT}`]);
  });

  test("an attempt that is slower than another is ended: the other side sees one connection", async () => {
    const w = await both();
    const accepted: string[] = [];
    w.host.listen({ port: PORT, socket: { open: (socket) => void accepted.push(socket.local.hostname) } });
    // Only the SYN of the second attempt gets through; that of the first is sent again after one second.
    const socket = dial(w, [DEAD_SIX, HOST, SIX]);
    await w.until(socket.opened);
    await w.pass(5_000);
    expect(accepted).toEqual([HOST]);
    expect(w.peer.connections().map(({ state }) => state)).toEqual(["ESTABLISHED"]);
  });

  test("when all fail, the error names each reason, and its code is the last one's", async () => {
    const w = await both();
    const socket = dial(w, [SIX, HOST]);
    expect(await w.until(rejection(socket.opened))).toMatchObject({
      name: "ConnectionError",
      code: "ECONNREFUSED",
      message: `could not connect to ${NAME}: [${SIX}]:${PORT} refused the connection: no program listens there, or this address may not connect; ${HOST}:${PORT} refused the connection: no program listens there, or this address may not connect`,
    });
    expect(await rejection(socket.closed)).toMatchObject({ code: "ECONNREFUSED" });
    expect(socket.state).toBe("CLOSED");
    expect(w.peer.engine.connectionCount).toBe(0);
  });

  test("localAddress excludes the other family; an attempt that the stack refuses is a failure like others", async () => {
    const w = await both();
    w.host.listen({ port: PORT });
    const socket = dial(w, [SIX, HOST], { localAddress: "10.0.1.5" });
    await w.until(socket.opened);
    expect(socket.remoteAddress).toBe(`${HOST}:${PORT}`);
    const none = dial(w, [SIX], { localAddress: "10.0.1.5" });
    expect((await w.until(rejection(none.opened)))?.message).toContain("no address of the family of localAddress");
    const wrong = dial(w, ["10.0.1.255"]);
    expect(await w.until(rejection(wrong.opened))).toMatchObject({ code: "EINVAL" });
  });
});

describe("resolution", () => {
  /** DNS answers after so many ms, by type. */
  async function slow(delays: { A: number; AAAA: number }): Promise<World> {
    const w = await world({
      host: { address: [`${HOST}/24`, `${SIX}/64`] },
      peer: { address: ["10.0.1.5/24", "fd00:a::5/64"], dns: { servers: HOST } },
    });
    serveDns(w.host, async ({ name, type }) => {
      await w.sim.sleep(delays[type as "A"] * 1_000);
      return { answers: records(name, type as "A", type === "A" ? HOST : SIX) };
    });
    w.host.listen({ port: PORT });
    return w;
  }

  test.each([
    ["IPv6 known first: it is tried without waiting for IPv4", { A: 500, AAAA: 0 }, SIX, 40],
    ["IPv4 known first: IPv6 that comes within 50 ms is preferred", { A: 0, AAAA: 40 }, SIX, 80],
    ["IPv4 known first: after 50 ms it is tried", { A: 0, AAAA: 500 }, HOST, 90],
  ] as const)("%s", async (_, delays, hostname, time) => {
    const w = await slow(delays);
    const socket = w.peer.connect(NAME);
    await w.until(socket.opened);
    expect([socket.remote.hostname, ms(w)]).toEqual([hostname, time]);
    await w.pass(2_000);
    expect(w.peer.connections()).toHaveLength(1);
  });

  test("localhost is this stack", async () => {
    const w = await both();
    w.peer.listen({ port: PORT });
    const socket = w.peer.connect(`localhost:${PORT}`);
    await w.until(socket.opened);
    expect(socket.remote.hostname).toBe("::1");
  });

  test("a resolver's errors are the connection's", async () => {
    const w = await both(async (name) => {
      throw new Error(`my database has no ${name}`);
    });
    const error = await w.until(rejection(w.peer.connect("x.example:1").opened));
    expect(error).toMatchObject({
      code: "ENOTFOUND",
      message: "could not resolve x.example: my database has no x.example",
      cause: new Error("my database has no x.example"),
    });
  });

  test.each<[string, unknown, string]>([
    ["a text", HOST, 'resolve must return an array of IP addresses for host.example, not "10.0.0.7"'],
    ["names", ["other.example"], 'must be IP addresses such as "10.0.0.7", not "other.example"'],
    ["objects", [{ address: HOST }], 'must be IP addresses such as "10.0.0.7", not an object'],
    ["nothing", [], "host.example has no address"],
  ])("a resolver that returns %s is told what it should", async (_, result, words) => {
    const w = await both();
    const socket = w.peer.connect(NAME, { resolve: () => result as string[] });
    expect((await w.until(rejection(socket.opened)))?.message).toContain(words);
  });

  test("addresses of a family that the stack lacks are left out", async () => {
    const w = await world();
    w.host.listen({ port: PORT });
    const socket = dial(w, [SIX, HOST]);
    await w.until(socket.opened);
    expect(ms(w)).toBe(20);
    const none = dial(w, [SIX]);
    expect(await w.until(rejection(none.opened))).toMatchObject({
      code: "ENOTFOUND",
      message: "host.example has only IPv6 addresses, and this stack has none",
    });
  });

  test("a resolver is told by its signal when nobody waits any more", async () => {
    const w = await both();
    for (const end of ["close", "abort"] as const) {
      let given: AbortSignal | undefined;
      const resolve: Resolve = (_, { signal }) => {
        given = signal;
        return new Promise(() => {});
      };
      const socket = w.peer.connect(NAME, { resolve });
      await w.pass(10);
      expect(given?.aborted).toBe(false);
      void socket[end]();
      expect(given?.aborted).toBe(true);
    }
  });

  test("resolve ends when its signal fires, also if the resolver does not look at it", async () => {
    const w = await both(() => new Promise(() => {}));
    const stop = new AbortController();
    const error = rejection(w.peer.resolve("host.example", { signal: stop.signal }));
    await w.pass(10);
    stop.abort(new Error("enough"));
    expect(await w.until(error)).toMatchObject({ message: "enough" });
  });

  test("names that nobody resolves, early data, and texts that are no names are refused at once", async () => {
    const w = await both();
    const refused = (remote: string, options = {}) => {
      try {
        return w.peer.connect(remote, options).state;
      } catch (error) {
        return error instanceof CallError ? `${error.code}: ${error.message}` : error;
      }
    };
    expect(refused("host.example:80")).toContain(
      'EINVAL: "host.example" is a name, and this stack does not resolve names',
    );
    expect(refused("host.example")).toContain("is not an address and a port");
    expect(refused("http://host.example/")).toContain("is a URL");
    expect(refused("host.example:0", { resolve: () => [HOST] })).toContain("port must be a whole number");
    expect(refused("a..b:80", { resolve: () => [HOST] })).toContain('"a..b" is not a name');
    expect(refused("10.0.0.256:80", { resolve: () => [HOST] })).toContain("10.0.0.256");
    expect(refused(NAME, { resolve: () => [HOST], earlyData: bytes(1) })).toContain("earlyData needs an address");
    expect(refused(NAME, { resolve: HOST })).toContain("resolve must be a function");
  });
});

describe("the socket before it is open", () => {
  test("it has the name as its remote, no connection to tell of, and becomes an ordinary one", async () => {
    const w = await both();
    const listener = w.host.listen({ port: PORT });
    const socket = dial(w, [HOST]);
    expect([socket.remoteAddress, socket.localAddress, socket.state, socket.id]).toEqual([
      NAME,
      "0.0.0.0:0",
      "CLOSED",
      -1,
    ]);
    expect(() => socket.info()).toThrow(`info needs a connection to ${NAME}: await opened`);
    expect(socket.agreed).toBeNull();
    const { mss } = await w.until(socket.opened);
    const other = (await w.until(listener.accept()))!;
    expect([mss, socket.info().state, socket.agreed?.mss]).toEqual([1448, "ESTABLISHED", 1448]);
    await w.until(writeAll(socket, bytes(50_000)));
    socket.closeWrite();
    expect(await w.until(readAll(other))).toEqual(Buffer.from(bytes(50_000)));
    other.closeWrite();
    await w.until(socket.closed);
  });

  test("streams that were taken early carry everything", async () => {
    const w = await both();
    w.host.listen({ port: PORT, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
    const socket = dial(w, [DEAD_SIX, HOST]);
    const data = bytes(200_000);
    const writer = socket.writable.getWriter();
    const written = writer.write(data).then(() => writer.close());
    const got = new Response(socket.readable).bytes();
    expect(() => socket.write(bytes(1))).toThrow("being written as a stream");
    expect(await w.until(got)).toEqual(data);
    await w.until(written);
  });

  test("write takes nothing yet, drained and read wait, and closeWrite is kept", async () => {
    const w = await both();
    w.host.listen({ port: PORT, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
    const socket = dial(w, [HOST]);
    expect(socket.write(bytes(10))).toBe(0);
    const all = readAll(socket);
    await w.until(socket.drained());
    expect(socket.write(bytes(10))).toBe(10);
    socket.closeWrite();
    expect((await w.until(all)).length).toBe(10);
    const silent = dial(w, [HOST]);
    silent.closeWrite();
    expect(() => silent.write(bytes(1))).toThrow("this side has closed its direction");
    await w.until(silent.closed);
  });

  test("options set meanwhile are kept, and mistakes in them are refused at once", async () => {
    const w = await both();
    w.host.listen({ port: PORT });
    const socket = dial(w, [HOST]);
    expect(() => socket.setOptions({ sendBuffer: 0 })).toThrow("sendBuffer must be");
    socket.setOptions({ sendBuffer: 5_000, idleTimeout: 1_000 });
    await w.until(socket.opened);
    expect(socket.write(bytes(9_000))).toBe(5_000);
    expect(await w.until(rejection(socket.closed))).toMatchObject({ code: "ETIMEDOUT" });
  });

  test("handlers get this socket, in order; drain follows a write that was too early", async () => {
    const w = await both();
    w.host.listen({ port: PORT, socket: { data: (it, view) => it.write(view), end: (it) => it.closeWrite() } });
    const calls: string[] = [];
    const seen = new Set<Socket>();
    const note = (name: string) => (socket: Socket) => {
      seen.add(socket);
      calls.push(name);
    };
    const socket: SocketHandlers = {
      open: note("open"),
      drain(it) {
        note("drain")(it);
        it.write(bytes(10));
        it.closeWrite();
      },
      data(it, view) {
        note(`data ${view.length}`)(it);
        return view.length;
      },
      end: note("end"),
      close: (it, error) => note(`close ${error?.code}`)(it),
    };
    const it = dial(w, [DEAD_SIX, HOST], { socket });
    it.write(bytes(10));
    await w.until(it.closed);
    await w.pass(100);
    expect(calls).toEqual(["open", "drain", "data 10", "end", "close undefined"]);
    expect([...seen]).toEqual([it]);
  });

  test("close, abort, a signal, a timeout and the stack's end: handlers and promises learn of each, and nothing is left", async () => {
    const w = await both();
    const ended = async (end: (socket: Socket) => void, options: ConnectOptions = {}) => {
      const closes: unknown[] = [];
      const socket = dial(w, [DEAD_SIX, DEAD_FOUR], {
        ...options,
        socket: { close: (_, error) => void closes.push(error?.message ?? null) },
      });
      const opened = rejection(socket.opened);
      await w.pass(100);
      end(socket);
      await w.until(opened);
      const closed = await w.until(rejection(socket.closed));
      expect(closes).toEqual([closed === null ? null : closed.message]);
      expect(w.peer.engine.connectionCount).toBe(0);
      return [(await opened)!.code, (await opened)!.message, closed?.code ?? null];
    };
    const early = `the connection to ${NAME} was closed before it was open`;
    expect(await ended((socket) => void socket.close())).toEqual(["ECONNABORTED", early, null]);
    const aborted = `the connection to ${NAME} was aborted by this side`;
    expect(await ended((socket) => socket.abort())).toEqual(["ECONNABORTED", aborted, "ECONNABORTED"]);
    const stop = new AbortController();
    expect(await ended(() => stop.abort(), { signal: stop.signal })).toEqual(["ECONNABORTED", aborted, "ECONNABORTED"]);
    const late = `could not connect to ${NAME} within 400 ms`;
    expect(await ended(() => {}, { timeout: 400 })).toEqual(["ETIMEDOUT", late, "ETIMEDOUT"]);
    expect(w.peer.engine.alarms.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
    expect((await ended(() => void w.peer.close()))[0]).toBe("ECONNABORTED");
  });
});

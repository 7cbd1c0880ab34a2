/** Handlers instead of promises: what they are called with, in which order, and what they can hold back. */
import { describe, expect, test } from "bun:test";
import type { Socket, SocketHandlers } from "#socket/types";
import { bytes, HOST, PORT, readAll, rejection, type World, world, writeAll } from "./world.ts";

/** Handlers that note each call by name. */
function noting(more: SocketHandlers = {}): { readonly calls: string[]; readonly handlers: Required<SocketHandlers> } {
  const calls: string[] = [];
  const handlers: Required<SocketHandlers> = {
    open(socket) {
      calls.push("open");
      more.open?.(socket);
    },
    data(socket, view) {
      calls.push(`data ${view.length}`);
      return more.data?.(socket, view);
    },
    drain(socket) {
      calls.push("drain");
      more.drain?.(socket);
    },
    timeout(socket) {
      calls.push("timeout");
      more.timeout?.(socket);
    },
    end(socket) {
      calls.push("end");
      more.end?.(socket);
    },
    close(socket, error) {
      calls.push(`close ${error?.code ?? "in order"}`);
      more.close?.(socket, error);
    },
    error(socket, error) {
      calls.push(`error ${error}`);
      more.error?.(socket, error);
    },
  };
  return { calls, handlers };
}

const server = (w: World, socket: SocketHandlers, more = {}) => w.host.listen({ port: PORT, socket, ...more });
const dial = (w: World, more = {}) => w.peer.connect({ hostname: HOST, port: PORT }, more);

/** Sends back what comes; what finds no room is left, and comes again. */
const ECHO: SocketHandlers = {
  data: (socket, view) => socket.write(view),
  end: (socket) => socket.closeWrite(),
};

describe("what is called", () => {
  test("open, data, end, close: each once, in this order", async () => {
    const w = await world();
    const { calls, handlers } = noting({ end: (socket) => socket.closeWrite() });
    server(w, handlers);
    const client = dial(w);
    await w.until(client.opened);
    client.write(bytes(10));
    client.closeWrite();
    await w.until(client.closed);
    await w.pass(1_000);
    expect(calls).toEqual(["open", "data 10", "end", "close in order"]);
  });

  test("a client has them as well, and every octet comes", async () => {
    const w = await world({ link: "delay 5ms loss 2%" });
    server(w, ECHO);
    const sent = bytes(300_000);
    const got: Uint8Array[] = [];
    let at = 0;
    const write = (socket: Socket) => {
      at += socket.write(sent, at);
      if (at === sent.length) socket.closeWrite();
    };
    const { promise, resolve } = Promise.withResolvers<unknown>();
    dial(w, {
      sendBuffer: 20_000,
      socket: {
        open: write,
        drain: write,
        data(_, view) {
          got.push(view.slice());
        },
        close: (_, error) => resolve(error),
      } satisfies SocketHandlers,
    });
    expect(await w.until(promise)).toBe(null);
    expect(Buffer.concat(got).equals(Buffer.from(sent))).toBe(true);
  });

  test("an attempt that fails has no open, and closes with its error", async () => {
    const w = await world();
    const { calls, handlers } = noting();
    const client = dial(w, { socket: handlers });
    await w.until(rejection(client.closed));
    expect(calls).toEqual(["close ECONNREFUSED"]);
  });

  test("a reset: what came before it is given, then close with ECONNRESET", async () => {
    const w = await world();
    const { calls, handlers } = noting();
    server(w, handlers);
    const client = dial(w);
    await w.until(client.opened);
    client.write(bytes(10));
    await w.pass(100);
    client.abort();
    await w.pass(100);
    expect(calls).toEqual(["open", "data 10", "close ECONNRESET"]);
  });

  test("close within the data handler: what it takes is read, so a FIN follows what was written; what it leaves resets", async () => {
    const w = await world();
    const closes = (socket: Socket, left: number, n: number) => {
      socket.write(bytes(5));
      void socket.close();
      expect(() => socket.write(bytes(5))).toThrow("has closed its direction");
      return n - left;
    };
    server(w, { data: (socket, view) => closes(socket, 0, view.length) });
    w.host.listen({ port: PORT + 1, socket: { data: (socket, view) => closes(socket, 1, view.length) } });
    const taken = dial(w);
    taken.write(bytes(10));
    taken.closeWrite();
    expect(await w.until(readAll(taken))).toEqual(bytes(5));
    await w.until(taken.closed);
    const left = w.peer.connect({ hostname: HOST, port: PORT + 1 });
    left.write(bytes(10));
    expect(await w.until(rejection(left.closed))).toMatchObject({ code: "ECONNRESET" });
  });

  test("promises asked for late tell what has been, beside handlers", async () => {
    const w = await world();
    const sockets: Socket[] = [];
    server(w, { open: (socket) => void sockets.push(socket), end: (socket) => socket.closeWrite() });
    const client = dial(w, { localPort: 40_001 });
    await w.until(client.opened);
    client.closeWrite();
    await w.until(client.closed);
    await w.pass(100);
    expect((await sockets[0]!.opened).remoteAddress).toBe("10.0.1.5:40001");
    expect(await sockets[0]!.closed).toBe(undefined);
  });

  test("socket.data is the application's, one for each connection", async () => {
    const w = await world();
    const seen: unknown[] = [];
    let next = 0;
    server(w, {
      open(socket) {
        socket.data = next++;
      },
      data(socket) {
        seen.push(socket.data);
      },
    });
    for (let i = 0; i < 2; i++) {
      const client = dial(w);
      await w.until(client.opened);
      client.write(bytes(1));
      await w.pass(100);
    }
    expect(seen).toEqual([0, 1]);
  });
});

describe("back-pressure", () => {
  test("what data leaves comes again when there is room; nothing is lost, and nothing is held twice", async () => {
    const w = await world();
    server(w, ECHO, { sendBuffer: 8_192, receiveBuffer: 16_384 });
    const client = dial(w, { receiveBuffer: 4_096 });
    await w.until(client.opened);
    const sent = bytes(200_000);
    const written = writeAll(client, sent).then(() => client.closeWrite());
    const [back] = await w.until(Promise.all([readAll(client), written]));
    expect(Buffer.from(back).equals(Buffer.from(sent))).toBe(true);
  });

  test("pause closes the window; resume gives what waited", async () => {
    const w = await world();
    let got = 0;
    const sockets: Socket[] = [];
    server(
      w,
      {
        open(socket) {
          sockets.push(socket);
          socket.pause();
        },
        data(_, view) {
          got += view.length;
        },
      },
      { receiveBuffer: 10_000 },
    );
    const client = dial(w);
    await w.until(client.opened);
    client.write(bytes(50_000));
    await w.pass(5_000);
    expect(got).toBe(0);
    expect(client.info().sndWnd).toBe(0);
    sockets[0]!.resume();
    await w.pass(5_000);
    expect(got).toBe(50_000);
  });

  test("pause within data stops the rest of it", async () => {
    const w = await world();
    const { calls, handlers } = noting({
      data(socket) {
        socket.pause();
        return 3;
      },
    });
    server(w, handlers);
    const client = dial(w);
    await w.until(client.opened);
    client.write(bytes(10));
    await w.pass(1_000);
    expect(calls).toEqual(["open", "data 10"]);
  });
});

describe("mistakes", () => {
  test("what a handler throws goes to error, and ends neither the turn nor the other connections", async () => {
    const w = await world();
    const thrown: unknown[] = [];
    let got = 0;
    server(w, {
      data(_, view) {
        if (view[0] === 7) throw new Error("seven");
        got += view.length;
      },
      error: (_, error) => void thrown.push((error as Error).message),
    });
    const [bad, good] = [dial(w), dial(w)];
    await w.until(Promise.all([bad.opened, good.opened]));
    bad.write(new Uint8Array([7]));
    good.write(new Uint8Array([1, 2]));
    await w.pass(1_000);
    expect(got).toBe(2);
    expect(thrown).toEqual(["seven"]);
  });

  test("data that is async, or returns what is no number of octets, is an error in words, and is not called for ever", async () => {
    for (const [returned, words] of [
      [Promise.resolve(), "not a Promise: it cannot be async"],
      [Number.NaN, "not NaN"],
      [-1, "not -1"],
      [1.5, "not 1.5"],
      [null, "not null"],
      ["5", 'not "5"'],
    ] as const) {
      const w = await world();
      const thrown: unknown[] = [];
      let calls = 0;
      server(w, {
        data: () => {
          if (++calls > 1) throw new Error("called again");
          return returned as number;
        },
        error: (_, error) => void thrown.push(error),
      });
      const socket = dial(w);
      await w.until(socket.opened);
      socket.write(new Uint8Array(5));
      await w.pass(1_000);
      const message = `data must return how many octets it took, or nothing, ${words}`;
      expect([calls, thrown]).toEqual([1, [expect.objectContaining({ name: "CallError", code: "EINVAL", message })]]);
      expect(socket.state).toBe("ESTABLISHED");
    }
  });

  test("accept and read are refused in words where handlers have the connections and the data", async () => {
    const w = await world();
    const listener = server(w, ECHO);
    expect(() => listener.accept()).toThrow(expect.objectContaining({ code: "EALREADY" }));
    const client = dial(w, { socket: { data: () => undefined } satisfies SocketHandlers });
    await w.until(client.opened);
    expect(() => client.read(new Uint8Array(1))).toThrow(/data handler/);
    expect(() => client.readable).toThrow(/data handler/);
  });

  test("unknown handlers and other kinds are refused", async () => {
    const w = await world();
    const wrong = (socket: unknown) => () => w.host.listen({ port: PORT, socket: socket as SocketHandlers });
    expect(wrong({ date() {} })).toThrow('socket has no "date": did you mean data?');
    expect(wrong({ data: 7 })).toThrow("data must be a function, not 7");
    expect(wrong([])).toThrow("socket must be an object such as");
  });
});

/** TLS over our connections: by name and by address, after a greeting in the clear, and everything that can go wrong. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { pair } from "#device/pair";
import { nodeNet } from "#node/net";
import type { Socket as NodeSocket } from "#node/socket";
import { createStack } from "#socket/create-stack";
import type { NetStack } from "#socket/stack-types";
import type { Socket } from "#socket/types";
import { certificate } from "../node/certificate.ts";
import { bytes, rejection } from "./world.ts";

const NAME = "server.example";
const ca = certificate.cert;
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const octets = (data: string) => new TextEncoder().encode(data);

let host: NetStack;
let peer: NetStack;
let secure: Server;
/** What the server does with a connection under TLS. */
let serve: (socket: TLSSocket) => void = (socket) => socket.pipe(socket);

beforeAll(async () => {
  const [a, b] = pair({ queueLength: 5_000 });
  host = await createStack({ device: a, address: "10.0.0.7/24" });
  peer = await createStack({ device: b, address: "10.0.0.5/24", resolve: () => ["10.0.0.7"] });
  secure = createServer({ ...certificate, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  secure.on("tlsClientError", () => {});
  await once(secure.listen(0, "127.0.0.1"), "listening");
  const { port } = secure.address() as AddressInfo;
  // The runtime's TLS serves on this machine's loopback, so that only the client's side is over a stream of ours.
  const relay = (socket: NodeSocket) => {
    const inner = connect({ port, allowHalfOpen: true });
    socket.pipe(inner).pipe(socket);
    socket.on("error", () => inner.destroy());
    inner.on("error", () => socket.destroy());
  };
  const net = nodeNet(host);
  // TLS at once on port 443; on port 25 after a greeting, as SMTP has it; on port 80 no TLS at all.
  net.createServer({ allowHalfOpen: true }, relay).listen(443);
  net
    .createServer({ allowHalfOpen: true }, (socket) => {
      socket.write("220 ready\r\n");
      socket.once("data", () => {
        socket.write("220 go ahead\r\n", () => relay(socket));
      });
    })
    .listen(25);
  const answering = (port: number, answer: (socket: Socket) => void) =>
    host.listen({
      port,
      socket: {
        data(socket) {
          answer(socket);
          return undefined;
        },
      },
    });
  answering(80, (socket) => socket.write(octets("HTTP/1.0 400 no TLS here\r\n\r\n")));
  answering(81, (socket) => socket.abort());
  host.listen({ port: 82, socket: { data: () => undefined } });
});

afterAll(async () => {
  secure.close();
  await Promise.all([host.close(), peer.close()]);
});

/** Everything that comes. */
const all = (readable: ReadableStream<Uint8Array>) => new Response(readable).bytes();

describe("startTls", () => {
  test("by name: the certificate is checked for it, and both directions carry everything", async () => {
    const tls = peer.connect(`${NAME}:443`).startTls({ ca, alpn: ["h2"] });
    expect(await tls.opened).toEqual({ protocol: "TLSv1.3", alpn: "h2" });
    const data = bytes(300_000);
    const got = all(tls.readable);
    const writer = tls.writable.getWriter();
    await writer.write(data);
    await writer.close();
    expect(Buffer.compare(await got, data)).toBe(0);
    await tls.close();
    await tls.closed;
  });

  test("after a conversation in the clear, on the same connection", async () => {
    const plain = peer.connect("10.0.0.7:25");
    const buffer = new Uint8Array(100);
    const line = async () => text(buffer.subarray(0, await plain.read(buffer)));
    expect(await line()).toBe("220 ready\r\n");
    plain.write(octets("STARTTLS\r\n"));
    expect(await line()).toBe("220 go ahead\r\n");
    const tls = plain.startTls({ ca, sni: NAME });
    expect((await tls.opened).alpn).toBeNull();
    const writer = tls.writable.getWriter();
    await writer.write(octets("secret"));
    const { value } = await tls.readable.getReader().read();
    expect(text(value!)).toBe("secret");
    expect(value!.buffer.byteLength).toBe(6);
    expect(tls.socket).toBe(plain);
    expect(plain.info().state).toBe("ESTABLISHED");
    expect(() => plain.write(bytes(1))).toThrow("being written as a stream");
    expect(() => plain.read(bytes(1))).toThrow("being read as a stream");
    tls.abort();
    expect(await rejection(tls.closed)).toMatchObject({ code: "ECONNABORTED" });
  });

  test("a slow reader holds the sender back, and loses nothing", async () => {
    let written = 0;
    serve = (socket) => {
      const chunk = bytes(65_536);
      const more = () => {
        while (written < 20_000_000) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once("drain", more);
        }
        socket.end();
      };
      more();
    };
    try {
      const tls = peer.connect(`${NAME}:443`, { receiveBuffer: 100_000 }).startTls({ ca });
      await tls.opened;
      await Bun.sleep(300);
      expect(written).toBeLessThan(10_000_000);
      let got = 0;
      for await (const chunk of tls.readable) got += chunk.length;
      expect(got).toBe(written);
      await tls.close();
    } finally {
      serve = (socket) => socket.pipe(socket);
    }
  });
});

describe("what goes wrong", () => {
  const fails = async (socket: Socket, options = {}): Promise<[unknown, unknown]> => {
    const tls = socket.startTls(options);
    const error = await rejection(tls.opened);
    expect(await rejection(tls.closed)).toMatchObject({ code: error?.code });
    await expect(all(tls.readable)).rejects.toBeDefined();
    await tls.close();
    return [error?.code, error?.message];
  };

  test("a certificate that nobody vouches for, or of another name, or of no address", async () => {
    const [code, message] = await fails(peer.connect(`${NAME}:443`));
    expect(code).toBe("EPROTO");
    expect(message).toMatch(/^TLS with server\.example failed: .*self.signed/i);
    const [, other] = await fails(peer.connect("other.example:443"), { ca });
    expect(other).toMatch(/^TLS with other\.example failed: .*(altnames|ERR_TLS_CERT_ALTNAME_INVALID)/i);
    const [, address] = await fails(peer.connect("10.0.0.7:443"), { ca });
    expect(address).toMatch(/^TLS with 10\.0\.0\.7 failed: .*(altnames|ERR_TLS_CERT_ALTNAME_INVALID)/i);
  });

  test("rejectUnauthorized: false takes any", async () => {
    const tls = peer.connect("10.0.0.7:443").startTls({ rejectUnauthorized: false });
    expect((await tls.opened).protocol).toBe("TLSv1.3");
    await tls.close();
  });

  test("a server without TLS, a reset during the handshake, a refused connection, an abort", async () => {
    expect((await fails(peer.connect("10.0.0.7:80")))[0]).toBe("EPROTO");
    expect(await fails(peer.connect("10.0.0.7:81"))).toEqual(["ECONNRESET", "10.0.0.7:81 reset the connection"]);
    expect((await fails(peer.connect("10.0.0.7:9")))[0]).toBe("ECONNREFUSED");
    expect((await fails(peer.connect(`${NAME}:9`)))[0]).toBe("ECONNREFUSED");
    const tls = peer.connect("10.0.0.7:82").startTls();
    await tls.socket.opened;
    tls.abort();
    expect(await rejection(tls.opened)).toMatchObject({ code: "ECONNABORTED" });
  });

  test("mistakes are refused in words", async () => {
    const socket = peer.connect("10.0.0.7:443");
    const start = (options: unknown) => () => socket.startTls(options as never);
    expect(start("x")).toThrow("startTls' argument must be an object");
    expect(start({ servername: "x" })).toThrow('startTls\' argument has no "servername"');
    expect(start({ alpn: "h2" })).toThrow('alpn must be an array of texts, not "h2"');
    expect(start({ cert: "x" })).toThrow("cert and key belong together");
    expect(start({ alpn: ["h2", ""] })).toThrow('a protocol in alpn has 1 to 255 octets, unlike ""');
    expect(start({ alpn: ["x".repeat(256)] })).toThrow("a protocol in alpn has 1 to 255 octets");
    expect(start({ sni: "" })).toThrow('"" is not a name');
    expect(start({ sni: "a b" })).toThrow('"a b" is not a name');
    for (const options of [{ ca: "x" }, { cert: "x", key: "y" }, { cert: ca, key: ca }]) {
      expect(start(options)).toThrow("ca, cert and key must be PEM texts, and cert and key of one pair: ");
      expect([socket.readable.locked, socket.writable.locked]).toEqual([false, false]);
    }
    const reader = socket.readable.getReader();
    expect(start({})).toThrow("the connection's streams are in use: release their locks before startTls");
    reader.releaseLock();
    const withHandler = peer.connect("10.0.0.7:443", { socket: { data: () => undefined } });
    expect(() => withHandler.startTls()).toThrow("data handler");
    socket.abort();
    withHandler.abort();
  });

  test("where the runtime has no TLS, such as a page, it says so", () => {
    const socket = peer.connect("10.0.0.7:443");
    const builtin = process.getBuiltinModule;
    try {
      (process as { getBuiltinModule: unknown }).getBuiltinModule = undefined;
      expect(() => socket.startTls()).toThrow(
        "startTls needs node:tls, which this runtime does not have: use Bun, Node.js or Deno",
      );
    } finally {
      process.getBuiltinModule = builtin;
    }
    socket.abort();
  });
});

/** TLS over a connection of ours, by the runtime's own implementation (node:tls). */
import { CallError } from "#stack/call-error";
import { checkObject, invalid, type Kind, shown } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { asciiName } from "./names/name-text.ts";
import type { TlsInfo, TlsOptions, TlsSocket } from "./tls-types.ts";
import type { Socket } from "./types.ts";

type Duplex = import("node:stream").Duplex;
type DuplexClass = typeof import("node:stream").Duplex;
type TLSSocket = import("node:tls").TLSSocket;

const OPTIONS = {
  sni: "a text",
  alpn: "an array of texts",
  ca: "a text or an array of texts",
  cert: "a text",
  key: "a text",
  rejectUnauthorized: "true or false",
} satisfies Record<keyof TlsOptions, Kind>;

/** Octets that the readable side keeps ahead of its reader. */
const AHEAD = 64 * 1024;

/** RFC 7301 §3.1: octets of a protocol's name. */
const PROTOCOL_MAX = 255;

/** Begins TLS as a client. The connection's streams are taken. @throws CallError EINVAL, EALREADY, EOPNOTSUPP (no TLS in this runtime). */
export function startTls(socket: Socket, options: TlsOptions = {}): TlsSocket {
  checkObject("startTls' argument", options, OPTIONS, '{ sni: "example.org" }');
  if ((options.cert === undefined) !== (options.key === undefined)) throw invalid("cert and key belong together");
  const unfit = options.alpn?.find((protocol) => protocol.length < 1 || protocol.length > PROTOCOL_MAX);
  if (unfit !== undefined) throw invalid(`a protocol in alpn has 1 to ${PROTOCOL_MAX} octets, unlike ${shown(unfit)}`);
  const name = options.sni === undefined ? socket.remote.hostname : asciiName(options.sni);
  const tls = systemModule<typeof import("node:tls")>("node:tls");
  const stream = systemModule<typeof import("node:stream")>("node:stream");
  const { readable, writable } = socket;
  if (readable.locked || writable.locked) {
    throw new CallError("EALREADY", "the connection's streams are in use: release their locks before startTls");
  }
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const isAddress = options.sni === undefined && (name.includes(":") || /^[\d.]+$/.test(name));
  try {
    const below = duplexOf(stream.Duplex, reader, writer);
    const secure = tls.connect({
      socket: below,
      host: name,
      ...(isAddress ? {} : { servername: name }),
      ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
      ...(options.ca === undefined ? {} : { ca: options.ca as string | string[] }),
      ...(options.cert === undefined ? {} : { cert: options.cert, key: options.key! }),
      rejectUnauthorized: options.rejectUnauthorized ?? true,
    });
    return new SecureSocket(socket, secure, below, name);
  } catch (error) {
    // The runtime reads certificates and keys before it touches the stream, so the connection is as before.
    reader.releaseLock();
    writer.releaseLock();
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(`ca, cert and key must be PEM texts, and cert and key of one pair: ${why}`);
  }
}

/** Not imported: the core is loaded where there are no such modules, too. @throws CallError EOPNOTSUPP. */
function systemModule<T>(name: string): T {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const found = process?.getBuiltinModule?.(name);
  if (found !== undefined) return found as T;
  throw new CallError(
    "EOPNOTSUPP",
    `startTls needs ${name}, which this runtime does not have: use Bun, Node.js or Deno`,
  );
}

interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** The connection as a stream of Node's. */
function duplexOf(Stream: DuplexClass, reader: Reader, writer: WritableStreamDefaultWriter<Uint8Array>): Duplex {
  return new Stream({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _, done) {
      writer.write(chunk).then(() => done(), done);
    },
    final(done) {
      writer.close().then(() => done(), done);
    },
    destroy(error, done) {
      const ended = () => done(error);
      // An end in order needs no reset: nothing more is read, and what was written goes.
      if (error === null) Promise.allSettled([reader.cancel(), writer.close()]).then(ended);
      else writer.abort(error).then(ended, ended);
    },
  });
}

class SecureSocket implements TlsSocket {
  readonly socket: Socket;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #secure: TLSSocket;
  readonly #opened = new Deferred<TlsInfo>();
  readonly #closed = new Deferred<void>();

  /** @param below the stream under TLS */
  constructor(socket: Socket, secure: TLSSocket, below: Duplex, name: string) {
    this.socket = socket;
    this.#secure = secure;
    secure.on("secureConnect", () => {
      this.#opened.resolve({ protocol: secure.getProtocol() ?? "", alpn: secure.alpnProtocol || null });
    });
    let failure: ConnectionError | null = null;
    secure.on("error", (error) => {
      failure ??= tlsError(error, name);
      this.#fail(failure);
      socket.abort(failure);
    });
    secure.on("close", () => {
      const early = `the connection to ${name} ended before TLS was set up`;
      this.#opened.reject(failure ?? new ConnectionError("ECONNABORTED", early));
      void socket.close();
    });
    socket.closed.then(this.#closed.resolve, (error) => this.#fail(failure ?? error));
    this.readable = readableOf(secure);
    this.writable = writableOf(secure, below);
  }

  get opened(): Promise<TlsInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  #fail(error: ConnectionError): void {
    this.#opened.reject(error);
    this.#closed.reject(error);
  }

  async close(): Promise<void> {
    if (!this.#secure.destroyed) {
      const ended = new Promise<void>((resolve) => {
        this.#secure.once("close", resolve);
        this.#secure.end(() => {
          // What the peer sends from now on is dropped.
          this.#secure.resume();
          resolve();
        });
      });
      await ended;
    }
    await this.socket.close();
  }

  abort(reason?: unknown): void {
    this.socket.abort(reason);
    this.#secure.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function tlsError(error: unknown, name: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const { message, code } = error as { message?: string; code?: string };
  // OpenSSL ends its messages with a line feed.
  const why = message?.trim() || code || shown(error);
  return new ConnectionError("EPROTO", `TLS with ${name} failed: ${why}`, error);
}

function readableOf(secure: TLSSocket): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isOver = false;
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start(controller) {
        const end = (error?: Error) => {
          if (isOver) return;
          isOver = true;
          if (error === undefined) controller.close();
          else controller.error(tlsError(error, "the peer"));
        };
        secure.on("data", (chunk: Uint8Array) => {
          if (isOver) return;
          // A copy: the chunk is a Buffer, perhaps a part of a larger one, and its `slice` would not copy.
          controller.enqueue(new Uint8Array(chunk));
          if (controller.desiredSize! <= 0) secure.pause();
        });
        secure.on("end", () => end());
        secure.on("error", end);
        secure.on("close", () =>
          end(new ConnectionError("ECONNRESET", "the connection ended without a TLS close_notify")),
        );
      },
      pull: () => void secure.resume(),
      cancel() {
        isOver = true;
        secure.destroy();
      },
    },
    { highWaterMark: AHEAD, size: (chunk) => chunk!.length },
  );
}

function writableOf(secure: TLSSocket, below: Duplex): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (!(chunk instanceof Uint8Array)) throw new TypeError(`a socket takes a Uint8Array, not ${shown(chunk)}`);
        secure.write(chunk, (error) => (error ? reject(tlsError(error, "the peer")) : resolve()));
      }),
    close: () =>
      new Promise((resolve) =>
        secure.end(() => {
          // Deno sends the close_notify, and leaves the stream below open.
          if (!below.writableEnded) below.end();
          resolve();
        }),
      ),
    abort: (reason) => void secure.destroy(reason instanceof Error ? reason : undefined),
  });
}

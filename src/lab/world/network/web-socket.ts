/** The global `WebSocket` on a host: the runtimes' own use the system's network (Bun), or share connections between hosts (Node). */
import type { Duplex } from "node:stream";
import { builtin } from "../globals.ts";
import { BINARY, CLOSE, FrameError, FrameReader, frameOf, PING, PONG, TEXT } from "./frames.ts";
import { type Upgrade, upgradeAnswer, upgradeRequest } from "./upgrade.ts";

/** Connects: with TLS if the URL is one of wss:. */
export type Dial = (url: URL, tls: object) => Duplex;

/** The peer has so long to end the connection after its close frame, or ours. */
const CLOSING_MS = 30_000;
const EVENTS = ["open", "message", "error", "close"] as const;
/** What the second argument may have besides protocols: Bun's and undici's options. */
interface Settings {
  readonly protocols?: string | readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: object;
}

const closeEvent = (settings: CloseEventInit): Event => {
  const known = (globalThis.CloseEvent ?? builtin("node:http")?.CloseEvent) as typeof CloseEvent;
  return new known("close", settings);
};

const random = (octets: number) => crypto.getRandomValues(new Uint8Array(octets));

export class WorldWebSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  readonly extensions = "";
  binaryType: string = "Bun" in globalThis ? "nodebuffer" : "blob";
  protocol = "";
  readyState = 0;
  bufferedAmount = 0;
  readonly #socket: Duplex;
  readonly #reader = new FrameReader((opcode, octets) => this.#message(opcode, octets));
  /** What of the server's head has arrived; null: all of it. */
  #head: Uint8Array | null = new Uint8Array(0);
  /** The close frame that arrived. */
  #closed: { readonly code: number; readonly reason: string } | null = null;
  #sentClose = false;

  constructor(dial: Dial, input: string | URL, second: string | readonly string[] | Settings = []) {
    super();
    for (const name of EVENTS) this.#handler(name);
    const url = urlOf(input);
    const settings: Settings =
      typeof second === "object" && !Array.isArray(second) ? (second as Settings) : { protocols: second as string[] };
    const { protocols = [], headers = {}, tls = {} } = settings;
    const wanted = typeof protocols === "string" ? [protocols] : [...protocols];
    const isToken = wanted.every((each) => /^[!#$%&\x27*+\-.^_\x60|~\dA-Za-z]+$/.test(each));
    if (!isToken || new Set(wanted).size < wanted.length)
      throw new DOMException("The subprotocols must be tokens that differ", "SyntaxError");
    this.url = url.href;
    const key = Buffer.from(random(16)).toString("base64");
    this.#socket = dial(url, tls);
    this.#run({ url, key, protocols: wanted, headers });
  }

  #run(upgrade: Upgrade): void {
    const socket = this.#socket;
    socket.on("data", (octets: Uint8Array) => {
      try {
        this.#arrived(octets, upgrade);
      } catch (error) {
        this.#fail(error);
      }
    });
    // The error is told by the events "error" and "close", without saying more, as the standard wants.
    socket.on("error", () => this.#failed());
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#over());
    socket.write(upgradeRequest(upgrade));
  }

  #arrived(octets: Uint8Array, upgrade: Upgrade): void {
    if (this.readyState === this.CLOSED || this.#closed !== null) return;
    if (this.#head === null) {
      this.#reader.push(octets);
      return;
    }
    this.#head = Buffer.concat([this.#head, octets]);
    const answer = upgradeAnswer(this.#head, upgrade);
    if (answer === null) return;
    this.#head = null;
    this.protocol = answer.protocol;
    this.readyState = this.OPEN;
    this.dispatchEvent(new Event("open"));
    if (answer.rest.length > 0) this.#reader.push(answer.rest);
  }

  #message(opcode: number, octets: Uint8Array): void {
    if (opcode === PING) this.#write(PONG, octets);
    else if (opcode === CLOSE) this.#closing(octets);
    else if (opcode !== PONG && this.readyState === this.OPEN) {
      const data = opcode === TEXT ? textOf(octets) : this.#binary(octets);
      this.dispatchEvent(new MessageEvent("message", { data, origin: new URL(this.url).origin }));
    }
  }

  #binary(octets: Uint8Array): unknown {
    if (this.binaryType === "blob") return new Blob([octets as Uint8Array<ArrayBuffer>]);
    const copy = Uint8Array.from(octets);
    return this.binaryType === "arraybuffer" ? copy.buffer : Buffer.from(copy.buffer);
  }

  #closing(octets: Uint8Array): void {
    if (octets.length === 1) throw new FrameError(1002, "a status code has two octets");
    const code = octets.length === 0 ? 1005 : (octets[0]! << 8) | octets[1]!;
    this.#closed = { code, reason: textOf(octets.subarray(2)) };
    if (!this.#sentClose) this.#writeClose(octets.subarray(0, 2));
    this.#socket.end();
  }

  /** Octets, a text or a Blob. @throws DOMException before it is open. */
  send(data: unknown): void {
    if (this.readyState === this.CONNECTING) throw new DOMException("Sent before connected.", "InvalidStateError");
    if (this.readyState !== this.OPEN) return;
    if (data instanceof Blob) {
      void data.arrayBuffer().then((octets) => this.#write(BINARY, new Uint8Array(octets)));
    } else if (ArrayBuffer.isView(data)) {
      this.#write(BINARY, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } else if (data instanceof ArrayBuffer) this.#write(BINARY, new Uint8Array(data));
    else this.#write(TEXT, Buffer.from(String(data)));
  }

  close(code?: number, reason = ""): void {
    if (code !== undefined && code !== 1_000 && !(code >= 3_000 && code <= 4_999))
      throw new DOMException("The close code must be 1000, or from 3000 to 4999", "InvalidAccessError");
    const text = Buffer.from(reason);
    if (text.length > 123) throw new DOMException("The reason must have at most 123 octets", "SyntaxError");
    if (this.readyState >= this.CLOSING) return;
    if (this.readyState === this.CONNECTING) {
      this.#failed();
      return;
    }
    this.#writeClose(code === undefined ? text : Buffer.concat([Uint8Array.of(code >> 8, code & 255), text]));
  }

  /** Bun's: without a close frame. */
  terminate(): void {
    this.#socket.destroy();
  }

  /** Bun's. */
  ping(data: Uint8Array | string = ""): void {
    this.#write(PING, Buffer.from(data as string));
  }

  #writeClose(octets: Uint8Array): void {
    this.#write(CLOSE, octets);
    this.#sentClose = true;
    this.readyState = this.CLOSING;
    const timer = setTimeout(() => this.#socket.destroy(), CLOSING_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #write(opcode: number, octets: Uint8Array): void {
    if (this.#sentClose || !this.#socket.writable) return;
    this.bufferedAmount += octets.length;
    this.#socket.write(frameOf(opcode, octets, random(4)), () => {
      this.bufferedAmount -= octets.length;
    });
  }

  /** The server broke the rules. */
  #fail(error: unknown): void {
    const code = error instanceof FrameError ? error.code : 1006;
    if (code !== 1006) this.#writeClose(Uint8Array.of(code >> 8, code & 255));
    this.#failed(code);
  }

  /** There is no connection any more, or none came about. */
  #failed(code = 1006): void {
    if (this.readyState === this.CLOSED) return;
    this.readyState = this.CLOSED;
    this.#socket.destroy();
    process.nextTick(() => {
      this.dispatchEvent(new Event("error"));
      this.dispatchEvent(closeEvent({ wasClean: false, code, reason: "" }));
    });
  }

  #over(): void {
    if (this.readyState === this.CLOSED) return;
    if (this.readyState === this.CONNECTING) {
      this.#failed();
      return;
    }
    this.readyState = this.CLOSED;
    const wasClean = this.#closed !== null && this.#sentClose;
    this.dispatchEvent(closeEvent({ wasClean, ...(this.#closed ?? { code: 1006, reason: "" }) }));
  }

  /** `onopen` and its like. */
  #handler(name: (typeof EVENTS)[number]): void {
    let handler: ((event: Event) => void) | null = null;
    this.addEventListener(name, (event) => handler?.call(this, event));
    Object.defineProperty(this, `on${name}`, {
      get: () => handler,
      set: (value: unknown) => {
        handler = typeof value === "function" ? (value as (event: Event) => void) : null;
      },
    });
  }
}

/** @throws DOMException SyntaxError */
function urlOf(input: string | URL): URL {
  let url: URL;
  try {
    url = new URL(String(input));
  } catch {
    throw new DOMException(`Invalid url for WebSocket ${input}`, "SyntaxError");
  }
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (!/^wss?:$/.test(url.protocol)) throw new DOMException(`Wrong url scheme for WebSocket ${url}`, "SyntaxError");
  if (url.hash !== "") throw new DOMException(`WebSocket URL ${url} has a fragment`, "SyntaxError");
  return url;
}

function textOf(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new FrameError(1007, "a text is not UTF-8");
  }
}

/**
 * iperf3's protocol, as version 3.12 speaks it. The client opens a control connection and sends a cookie of 37 octets. From then on both
 * sides send states, one octet each; some of them announce a message: its length in four octets, then JSON. Every data connection begins
 * with the same cookie, by which the server recognizes the client.
 */

/** States of a test (iperf_api.h). */
export const TEST_START = 1;
export const TEST_RUNNING = 2;
export const TEST_END = 4;
export const PARAM_EXCHANGE = 9;
export const CREATE_STREAMS = 10;
export const SERVER_TERMINATE = 11;
export const CLIENT_TERMINATE = 12;
export const EXCHANGE_RESULTS = 13;
export const DISPLAY_RESULTS = 14;
export const IPERF_DONE = 16;
export const ACCESS_DENIED = -1;
export const SERVER_ERROR = -2;

/**
 * Not in iperf3: a server that has understood the field `tcpnet` of the parameters sends it instead of CREATE_STREAMS. An iperf3 server ignores
 * the field and sends CREATE_STREAMS, so the client knows that this server does not support requests and responses.
 */
export const TCPNET_CREATE_STREAMS = 64;

/** Octets of a cookie: 36 printable characters and a zero. */
export const COOKIE_LENGTH = 37;

/** The longest parameters that are accepted. iperf3 3.17 accepts 8 KiB. */
export const PARAMETERS_MAX = 64 << 10;
/** The longest results that are accepted: enough for 256 streams of 200 octets each. */
export const RESULTS_MAX = 1 << 20;

/** Octets that may wait to be read beyond one message. */
const SLACK = 64;

/** The other side violated the protocol, or reported a failure. The message is a complete sentence. */
export class BenchError extends Error {
  override readonly name = "BenchError";
  readonly kind: BenchErrorKind;

  constructor(kind: BenchErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export type BenchErrorKind =
  | "protocol"
  | "silent"
  | "busy"
  | "server-error"
  | "terminated"
  | "unsupported"
  | "congestion"
  | "stream";

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** A new cookie, with the zero at its end. */
export function makeCookie(): Uint8Array {
  const random = crypto.getRandomValues(new Uint8Array(COOKIE_LENGTH));
  const cookie = random.map((byte) => LETTERS.charCodeAt(byte & 31));
  cookie[COOKIE_LENGTH - 1] = 0;
  return cookie;
}

/** The cookie at the beginning of `bytes`, which has at least COOKIE_LENGTH octets; null if they are not a cookie. */
export function readCookie(bytes: Uint8Array): string | null {
  for (let i = 0; i < COOKIE_LENGTH - 1; i++) if (bytes[i]! < 0x21 || bytes[i]! > 0x7e) return null;
  return bytes[COOKIE_LENGTH - 1] === 0 ? cookieText(bytes) : null;
}

export function cookieText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, COOKIE_LENGTH - 1));
}

export function stateOctet(state: number): Uint8Array {
  return Uint8Array.of(state & 0xff);
}

/** A message: its length, then JSON. */
export function message(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const bytes = new Uint8Array(4 + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length);
  bytes.set(text, 4);
  return bytes;
}

/** The octets of a control connection that have arrived and are not yet read. */
export class ControlBuffer {
  #bytes: Uint8Array = new Uint8Array(0);
  /** The longest message that is accepted next. */
  limit: number = PARAMETERS_MAX;

  /** Adds octets that have arrived. @throws BenchError if the peer has sent too much. */
  add(more: Uint8Array): void {
    if (this.#bytes.length + more.length > this.limit + 4 + SLACK) {
      throw new BenchError("protocol", "it sent more than the protocol allows");
    }
    const all = new Uint8Array(this.#bytes.length + more.length);
    all.set(this.#bytes);
    all.set(more, this.#bytes.length);
    this.#bytes = all;
  }

  /** The next state, or null if it has not arrived. */
  state(): number | null {
    if (this.#bytes.length === 0) return null;
    const state = (this.#bytes[0]! << 24) >> 24;
    this.#bytes = this.#bytes.subarray(1);
    return state;
  }

  /** The next two numbers of four octets, which follow SERVER_ERROR; null if they have not arrived. */
  errorNumbers(): { readonly error: number; readonly errno: number } | null {
    if (this.#bytes.length < 8) return null;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    const numbers = { error: view.getInt32(0), errno: view.getInt32(4) };
    this.#bytes = this.#bytes.subarray(8);
    return numbers;
  }

  /** The next message, or undefined if it has not arrived. @throws BenchError if it is too long, or not JSON. */
  message(): unknown {
    if (this.#bytes.length < 4) return undefined;
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(0);
    if (length === 0 || length > this.limit) {
      throw new BenchError("protocol", `it announced a message of ${length} octets (1 to ${this.limit} are allowed)`);
    }
    if (this.#bytes.length < 4 + length) return undefined;
    const text = new TextDecoder().decode(this.#bytes.subarray(4, 4 + length));
    this.#bytes = this.#bytes.subarray(4 + length);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new BenchError("protocol", "it sent a message that is not JSON");
    }
  }
}

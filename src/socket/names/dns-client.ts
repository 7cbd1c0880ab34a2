import { MILLISECOND } from "#base/time";
import { timeText } from "#observe/units";
import { Alarm } from "#stack/alarms";
import { CallError } from "#stack/call-error";
import { EPHEMERAL_FIRST, EPHEMERAL_LAST } from "#stack/limits";
import { ConnectionError } from "../connection-error.ts";
import { endpointText } from "../endpoint.ts";
import type { SocketContext } from "../socket-context.ts";
import type { NetStack } from "../stack-types.ts";
import type { Endpoint } from "../types.ts";
import type { UdpSocket } from "../udp-types.ts";
import {
  type AddressType,
  ALIASES_MAX,
  encodeQuestion,
  loadCodec,
  type Question,
  type Reply,
  readReply,
} from "./dns-message.ts";

export interface DnsSettings {
  /** Asked anew for each question: files may change. */
  readonly servers: () => readonly Endpoint[];
  /** How long one server is waited for, µs. */
  readonly timeout: number;
  /** Rounds through all servers. */
  readonly attempts: number;
}

/** What the client needs of its stack. */
export interface DnsContext extends Pick<SocketContext, "engine" | "host">, Pick<NetStack, "bind" | "connect"> {}

/** Questions that are under way at one time. */
const QUESTIONS_MAX = 256;

/** Datagrams that may come for one question and be no answer to it: forgeries, or answers that came too late. */
const STRANGE_MAX = 64;

/**
 * A stub resolver (RFC 1035, RFC 1123 §6.1.3) over the stack's own UDP, and over its TCP where an answer does not fit. Each question has a
 * random id and a random port, and only its own server can answer it (RFC 5452). Nothing is kept of the answers.
 */
export class DnsClient {
  readonly #context: DnsContext;
  readonly #settings: DnsSettings;
  readonly #random: () => number;
  #questions = 0;

  /** @param random 32 bits that nobody can guess */
  constructor(context: DnsContext, settings: DnsSettings, random: () => number) {
    this.#context = context;
    this.#settings = settings;
    this.#random = random;
  }

  /** The addresses of one type; none if the name has no such address. @throws ConnectionError ENOTFOUND, EAI_AGAIN. */
  async query(name: string, type: AddressType, signal: AbortSignal): Promise<readonly string[]> {
    if (this.#questions >= QUESTIONS_MAX) {
      throw new ConnectionError("EAI_AGAIN", `could not look up ${name}: ${QUESTIONS_MAX} questions are under way`);
    }
    this.#questions++;
    try {
      let at = name;
      for (let i = 0; i < ALIASES_MAX; i++) {
        const { addresses, alias } = await this.#answer(at, type, signal);
        if (alias === null) return addresses;
        at = alias;
      }
      throw new ConnectionError("EAI_AGAIN", `could not look up ${name}: it is an alias of an alias, and so on`);
    } finally {
      this.#questions--;
    }
  }

  /** Asks the servers in turn until one of them knows. */
  async #answer(name: string, type: AddressType, signal: AbortSignal): Promise<Reply> {
    const { attempts } = this.#settings;
    const servers = this.#settings.servers();
    let why = 'this machine names no DNS server that the stack could reach: use dns: { servers: ["10.0.0.1"] }';
    for (let i = 0; i < servers.length * attempts; i++) {
      const server = servers[i % servers.length]!;
      const question = { id: this.#random() & 0xffff, name, type };
      const reply = await this.#ask(server, question, signal);
      if (signal.aborted) throw signal.reason;
      if (typeof reply !== "string") {
        if (reply.kind === "answer") return reply;
        if (reply.kind === "no-name") {
          throw new ConnectionError("ENOTFOUND", `${name} does not exist, says ${endpointText(server)} (NXDOMAIN)`);
        }
        why = `${endpointText(server)} answered ${reply.code}`;
      } else why = `${endpointText(server)} ${reply}`;
    }
    throw new ConnectionError("EAI_AGAIN", `could not look up ${name}: ${why}`);
  }

  /** Asks one server: with EDNS, without it if it does not understand that, and over TCP if the answer is longer. Or why it gave no answer. */
  async #ask(server: Endpoint, question: Question, signal: AbortSignal): Promise<Reply | string> {
    try {
      let reply = await this.#overUdp(server, question, true, signal);
      if (isOf(reply, "bad-format")) reply = await this.#overUdp(server, question, false, signal);
      return isOf(reply, "truncated") ? await this.#overTcp(server, question, signal) : reply;
    } catch (error) {
      // No socket for this server: the stack may have no address of its family. Another server may do.
      if (error instanceof CallError) return `cannot be asked: ${error.message}`;
      throw error;
    }
  }

  async #overUdp(
    server: Endpoint,
    question: Question,
    extended: boolean,
    signal: AbortSignal,
  ): Promise<Reply | string> {
    const codec = await loadCodec();
    if (signal.aborted) return "was not asked";
    const socket = this.#open(server);
    return this.#within(
      signal,
      () => void socket.close(),
      async () => {
        if (!socket.send(encodeQuestion(codec, question, extended))) return "was not asked: the send queue is full";
        for (let i = 0; i < STRANGE_MAX; i++) {
          const datagram = await socket.receive();
          if (datagram === null) return this.#silence();
          const reply = readReply(codec, datagram.data, question);
          if (reply !== null) return reply;
        }
        return "sent only what is no answer";
      },
    );
  }

  async #overTcp(server: Endpoint, question: Question, signal: AbortSignal): Promise<Reply | string> {
    const codec = await loadCodec();
    if (signal.aborted) return "was not asked";
    const socket = this.#context.connect(server, { nodelay: true });
    return this.#within(
      signal,
      () => socket.abort(),
      async () => {
        const octets = encodeQuestion(codec, question, true);
        // RFC 1035 §4.2.2: the length goes before, and in the same segment (RFC 7766 §8).
        const message = new Uint8Array(2 + octets.length);
        new DataView(message.buffer).setUint16(0, octets.length);
        message.set(octets, 2);
        socket.write(message);
        const read = async (n: number) => {
          const into = new Uint8Array(n);
          for (let done = 0; done < n; ) {
            const more = await socket.read(into.subarray(done));
            if (more === 0) return null;
            done += more;
          }
          return into;
        };
        const length = await read(2);
        const answer = length === null ? null : await read(new DataView(length.buffer).getUint16(0));
        const reply = answer === null ? null : readReply(codec, answer, question);
        return reply === null || reply.kind === "truncated" ? "sent no whole answer over TCP" : reply;
      },
    );
  }

  /** Runs `work` for at most the timeout of one question; `end` makes it stop. An error becomes words. */
  async #within(signal: AbortSignal, end: () => void, work: () => Promise<Reply | string>): Promise<Reply | string> {
    const { engine, host } = this.#context;
    let isLate = false;
    const alarm = new Alarm(() => {
      isLate = true;
      end();
    });
    engine.alarms.set(alarm, host.now() + this.#settings.timeout);
    host.wake();
    signal.addEventListener("abort", end);
    try {
      return await work();
    } catch (error) {
      if (isLate) return this.#silence();
      if (error instanceof ConnectionError || error instanceof CallError) return `failed: ${error.message}`;
      throw error;
    } finally {
      engine.alarms.clear(alarm);
      signal.removeEventListener("abort", end);
      end();
    }
  }

  #silence(): string {
    return `did not answer within ${timeText(this.#settings.timeout)}`;
  }

  /** A socket on a random port, which hears only the server. */
  #open(server: Endpoint): UdpSocket {
    for (let tries = 0; tries < PORTS_TRIED; tries++) {
      try {
        return this.#context.bind({ port: EPHEMERAL_FIRST + ((this.#random() >>> 0) % PORTS), connect: server });
      } catch (error) {
        if (!(error instanceof CallError && error.code === "EADDRINUSE")) throw error;
      }
    }
    return this.#context.bind({ connect: server });
  }
}

const PORTS = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;

/** Random ports that may be in use before any port will do. */
const PORTS_TRIED = 16;

function isOf(reply: Reply | string, kind: Reply["kind"]): boolean {
  return typeof reply !== "string" && reply.kind === kind;
}

/** Defaults of `DnsOptions`. */
export const DNS_TIMEOUT = 2_000 * MILLISECOND;
export const DNS_ATTEMPTS = 2;

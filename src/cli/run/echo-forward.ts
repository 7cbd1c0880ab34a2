/**
 * Pings of the command, over ping sockets of this machine (icmp(7)). Where the sysctl net.ipv4.ping_group_range does not allow them, pings
 * get no answer.
 */
import { AF_INET, AF_INET6, close } from "#ffi/libc";
import { receive, SOCK_DGRAM, send, socket } from "#ffi/sockets";
import { parseAddress } from "#ip/address";
import type { EchoRequest } from "#socket/intercept-types";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import { ICMP, ICMPV6 } from "#wire/protocol";
import type { Destinations } from "./destinations.ts";
import { socketAddress } from "./network.ts";

/** How often replies are looked for while some are awaited, ms; how long each is awaited; and how many at one time. */
const LOOK_MS = 1;
const WAIT_MS = 10_000;
const WAITING_MAX = 1_024;
const MESSAGE_MAX = 65_535;

interface Waiting {
  readonly request: EchoRequest;
  readonly since: number;
}

export class EchoForward {
  readonly #destinations: Destinations;
  /** By family; negative: not allowed. */
  readonly #sockets = new Map<4 | 6, number>();
  /** By the sequence number of our own request. */
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(destinations: Destinations) {
    this.#destinations = destinations;
  }

  request(request: EchoRequest): void {
    const text = this.#destinations.pinged(request.destination);
    const address = text === null ? null : parseAddress(text);
    if (address === null) {
      request.unreachable("prohibited");
      return;
    }
    const fd = this.#socket(address.family);
    if (fd < 0 || this.#waiting.size >= WAITING_MAX) return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const message = new Uint8Array(icmpv4.HEADER + request.data.length);
    const type = address.family === 4 ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST;
    icmpv4.write(new DataView(message.buffer), 0, type, 0, this.#sequence);
    message.set(request.data, icmpv4.HEADER);
    if (send(fd, message, 0, socketAddress(address, 0)) < 0) {
      request.unreachable("network");
      return;
    }
    this.#waiting.set(this.#sequence, { request, since: performance.now() });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    for (const fd of this.#sockets.values()) if (fd >= 0) close(fd);
    this.#sockets.clear();
    this.#waiting.clear();
    this.#rest();
  }

  #socket(family: 4 | 6): number {
    let fd = this.#sockets.get(family);
    if (fd === undefined) {
      fd = family === 4 ? socket(AF_INET, SOCK_DGRAM, ICMP) : socket(AF_INET6, SOCK_DGRAM, ICMPV6);
      this.#sockets.set(family, fd);
    }
    return fd;
  }

  #look(): void {
    for (const [family, fd] of this.#sockets) if (fd >= 0) this.#read(family, fd);
    const oldest = performance.now() - WAIT_MS;
    for (const [sequence, { since }] of this.#waiting) {
      if (since > oldest) break;
      this.#waiting.delete(sequence);
    }
    if (this.#waiting.size === 0) this.#rest();
  }

  #read(family: 4 | 6, fd: number): void {
    for (;;) {
      const { n, bytes } = receive(fd, MESSAGE_MAX, 0);
      if (n < icmpv4.HEADER) return;
      const type = family === 4 ? icmpv4.ECHO_REPLY : icmpv6.ECHO_REPLY;
      if (bytes[0] !== type) continue;
      const sequence = new DataView(bytes.buffer, bytes.byteOffset).getUint16(6);
      const waiting = this.#waiting.get(sequence);
      if (waiting === undefined) continue;
      this.#waiting.delete(sequence);
      waiting.request.reply();
    }
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

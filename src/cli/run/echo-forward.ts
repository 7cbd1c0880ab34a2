/**
 * Pings of the command, over ping sockets of this machine (icmp(7)). Where the sysctl net.ipv4.ping_group_range does not allow them, pings
 * get no answer.
 */
import { AF_INET, AF_INET6, close } from "#ffi/libc";
import { SOCK_DGRAM, send, socket, socketAddress } from "#ffi/sockets";
import { readNow } from "#ffi/stream-read";
import { type Address, addressBytes } from "#ip/address";
import type { EchoRequest } from "#socket/intercept-types";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import { ICMP, ICMPV6 } from "#wire/protocol";
import { Looks } from "./looks.ts";
import { reasonOf } from "./reasons.ts";

/** How long each reply is awaited, ms; and how many at one time. */
const WAIT_MS = 10_000;
const WAITING_MAX = 1_024;
/** The part of a reply that is looked at; the kernel drops the rest. */
const HEAD = new Uint8Array(icmpv4.HEADER);

interface Waiting {
  readonly request: EchoRequest;
  readonly since: number;
}

export class EchoForward {
  /** By family; negative: not allowed. */
  readonly #sockets = new Map<4 | 6, number>();
  /** By the sequence number of our own request. */
  readonly #waiting = new Map<number, Waiting>();
  #sequence = 0;
  readonly #looks = new Looks(() => this.#look());

  request(request: EchoRequest, address: Address): void {
    const fd = this.#socket(address.family);
    if (fd < 0 || this.#waiting.size >= WAITING_MAX) return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const message = new Uint8Array(icmpv4.HEADER + request.data.length);
    const type = address.family === 4 ? icmpv4.ECHO_REQUEST : icmpv6.ECHO_REQUEST;
    icmpv4.write(new DataView(message.buffer), 0, type, 0, this.#sequence);
    message.set(request.data, icmpv4.HEADER);
    const result = send(fd, message, 0, socketAddress(addressBytes(address), 0));
    if (result < 0) {
      const why = reasonOf(-result);
      if (why !== null) request.unreachable(why);
      return;
    }
    this.#waiting.set(this.#sequence, { request, since: performance.now() });
    this.#looks.begin();
  }

  close(): void {
    for (const fd of this.#sockets.values()) if (fd >= 0) close(fd);
    this.#sockets.clear();
    this.#waiting.clear();
    this.#looks.end();
  }

  #socket(family: 4 | 6): number {
    let fd = this.#sockets.get(family);
    if (fd === undefined) {
      fd = family === 4 ? socket(AF_INET, SOCK_DGRAM, ICMP) : socket(AF_INET6, SOCK_DGRAM, ICMPV6);
      this.#sockets.set(family, fd);
    }
    return fd;
  }

  /** Returns whether replies are still awaited. */
  #look(): boolean {
    for (const [family, fd] of this.#sockets) if (fd >= 0) this.#read(family, fd);
    const oldest = performance.now() - WAIT_MS;
    for (const [sequence, { since }] of this.#waiting) {
      if (since > oldest) break;
      this.#waiting.delete(sequence);
    }
    return this.#waiting.size > 0;
  }

  #read(family: 4 | 6, fd: number): void {
    for (;;) {
      const n = readNow(fd, HEAD);
      if (n < icmpv4.HEADER) return;
      const type = family === 4 ? icmpv4.ECHO_REPLY : icmpv6.ECHO_REPLY;
      if (HEAD[0] !== type) continue;
      const sequence = new DataView(HEAD.buffer).getUint16(6);
      const waiting = this.#waiting.get(sequence);
      if (waiting === undefined) continue;
      this.#waiting.delete(sequence);
      waiting.request.reply();
    }
  }
}

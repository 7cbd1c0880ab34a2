/** Opens connections of this machine, and tells why one failed. */
import { beginConnect, connectResult } from "#ffi/connecting";
import { EAFNOSUPPORT, EINPROGRESS } from "#ffi/errno";
import { close } from "#ffi/libc";
import { parseAddress } from "#ip/address";
import type { Endpoint } from "#socket/types";
import { familyOf, socketAddress } from "./network.ts";

/** How often pending connections are looked at, ms. */
const LOOK_MS = 1;

/** Gets a connected descriptor, or a negated error number. */
type Answer = (result: number) => void;

export class Dialer {
  readonly #pending = new Map<number, Answer>();
  #timer: NodeJS.Timeout | null = null;

  /** Connects to a destination, and answers once. */
  dial({ hostname, port }: Endpoint, answer: Answer): void {
    const address = parseAddress(hostname);
    const fd = address === null ? -EAFNOSUPPORT : beginConnect(familyOf(address), socketAddress(address, port));
    if (fd < 0 || this.#isOver(fd, answer)) {
      if (fd < 0) answer(fd);
      return;
    }
    this.#pending.set(fd, answer);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    for (const fd of this.#pending.keys()) close(fd);
    this.#pending.clear();
    this.#rest();
  }

  #look(): void {
    for (const [fd, answer] of this.#pending) if (this.#isOver(fd, answer)) this.#pending.delete(fd);
    if (this.#pending.size === 0) this.#rest();
  }

  #isOver(fd: number, answer: Answer): boolean {
    const result = connectResult(fd);
    if (result === -EINPROGRESS) return false;
    answer(result === 0 ? fd : result);
    return true;
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

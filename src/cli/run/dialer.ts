/** Opens connections of this machine, and tells why one failed. */
import { beginConnect, connectResult } from "#ffi/connecting";
import { EAFNOSUPPORT, EINPROGRESS } from "#ffi/errno";
import { close } from "#ffi/libc";
import { addressBytes, parseAddress } from "#ip/address";
import type { Endpoint } from "#socket/types";
import { Looks } from "./looks.ts";

/** Gets a connected descriptor, or a negated error number. */
type Answer = (result: number) => void;

export class Dialer {
  readonly #pending = new Map<number, Answer>();
  readonly #looks = new Looks(() => this.#look());

  /** Connects to a destination, and answers once. */
  dial({ hostname, port }: Endpoint, answer: Answer): void {
    const address = parseAddress(hostname);
    const fd = address === null ? -EAFNOSUPPORT : beginConnect(addressBytes(address), port);
    if (fd < 0 || this.#isOver(fd, answer)) {
      if (fd < 0) answer(fd);
      return;
    }
    this.#pending.set(fd, answer);
    this.#looks.begin();
  }

  close(): void {
    for (const fd of this.#pending.keys()) close(fd);
    this.#pending.clear();
    this.#looks.end();
  }

  /** Returns whether some are still pending. */
  #look(): boolean {
    for (const [fd, answer] of this.#pending) if (this.#isOver(fd, answer)) this.#pending.delete(fd);
    return this.#pending.size > 0;
  }

  #isOver(fd: number, answer: Answer): boolean {
    const result = connectResult(fd);
    if (result === -EINPROGRESS) return false;
    answer(result === 0 ? fd : result);
    return true;
  }
}

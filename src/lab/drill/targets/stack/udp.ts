import type { Address } from "#ip/address";
import { payloadMax, type UdpEndpoint } from "#stack/datagrams";
import type { Stack } from "#stack/stack";
import type { TargetUdp } from "../../posix/target.ts";

/** A UDP socket of the real stack, for one peer. */
export class StackUdp implements TargetUdp {
  readonly longest: number;
  readonly localPort: number;
  readonly #stack: Stack;
  readonly #endpoint: UdpEndpoint;
  readonly #remote: Address;

  constructor(stack: Stack, endpoint: UdpEndpoint, remote: Address) {
    this.#stack = stack;
    this.#endpoint = endpoint;
    this.#remote = remote;
    this.localPort = stack.datagrams.port(endpoint);
    this.longest = payloadMax(remote.family);
  }

  connect(remotePort: number): void {
    this.#stack.datagrams.connect(this.#endpoint, this.#remote, remotePort);
  }

  send(bytes: Uint8Array, remotePort: number): boolean {
    return this.#stack.datagrams.send(this.#endpoint, bytes, this.#remote, remotePort);
  }

  receive(): { readonly bytes: Uint8Array; readonly remotePort: number } | undefined {
    const { datagrams } = this.#stack;
    const n = datagrams.nextLength(this.#endpoint);
    if (n < 0) return undefined;
    const bytes = new Uint8Array(n);
    datagrams.receive(this.#endpoint, bytes);
    return { bytes, remotePort: datagrams.ends.remotePort };
  }

  waiting(): number {
    return this.#stack.datagrams.waiting(this.#endpoint);
  }

  hasError(): boolean {
    return this.#stack.datagrams.hasError(this.#endpoint);
  }

  takeError(): string | undefined {
    return this.#stack.datagrams.takeError(this.#endpoint) ?? undefined;
  }

  close(): void {
    this.#stack.datagrams.close(this.#endpoint);
  }
}

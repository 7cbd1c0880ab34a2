import type { Address } from "#ip/address";
import type { Stack } from "#stack/stack";
import { errorName } from "#tcp/words/error";
import type { UdpSocket } from "#udp/udp";
import type { TargetUdp } from "../../posix/target.ts";

/** A UDP socket of the real stack, for one peer. */
export class StackUdp implements TargetUdp {
  readonly longest: number;
  readonly #stack: Stack;
  readonly #socket: UdpSocket;
  readonly #remote: Address;

  constructor(stack: Stack, socket: UdpSocket, remote: Address) {
    this.#stack = stack;
    this.#socket = socket;
    this.#remote = remote;
    this.longest = remote.family === 4 ? 65_507 : 65_527;
  }

  get localPort(): number {
    return this.#socket.port;
  }

  connect(remotePort: number): void {
    this.#socket.remote = this.#remote;
    this.#socket.remotePort = remotePort;
  }

  send(bytes: Uint8Array, remotePort: number): boolean {
    return this.#stack.sendDatagram(this.#socket, bytes, this.#remote, remotePort);
  }

  receive(): { readonly bytes: Uint8Array; readonly remotePort: number } | undefined {
    const { queue } = this.#socket;
    if (queue.count === 0) return undefined;
    const remotePort = queue.port;
    const bytes = new Uint8Array(queue.length);
    this.#stack.receiveDatagram(this.#socket, bytes);
    return { bytes, remotePort };
  }

  waiting(): number {
    return this.#socket.queue.count;
  }

  hasError(): boolean {
    return this.#socket.error !== 0;
  }

  takeError(): string | undefined {
    const { error } = this.#socket;
    this.#socket.error = 0;
    return error === 0 ? undefined : errorName(error);
  }

  close(): void {
    this.#stack.closeUdp(this.#socket);
  }
}

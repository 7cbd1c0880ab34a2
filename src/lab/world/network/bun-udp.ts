/** `Bun.udpSocket` over a stack, whose UDP sockets are alike. */
import type { NetStack } from "#socket/stack-types";
import type { UdpSocket } from "#socket/udp-types";
import type { Bag } from "../globals.ts";
import { notOfThisWorld } from "./divert.ts";

type Handler = (socket: BunUdpSocket, ...args: unknown[]) => void;

export const octetsOf = (data: unknown): Uint8Array =>
  typeof data === "string"
    ? Buffer.from(data)
    : ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data as ArrayBuffer);

/** Resolves with the socket, as Bun's does. */
export async function udpSocket(stack: NetStack, given: unknown): Promise<BunUdpSocket> {
  const { hostname, port = 0, binaryType = "buffer", socket: handlers = {}, connect } = (given ?? {}) as Bag;
  const { data, drain, error } = handlers as Readonly<Record<string, Handler | undefined>>;
  const address = hostname === undefined ? undefined : (await stack.resolve(String(hostname)))[0]!;
  const remote = connect as { readonly hostname: string; readonly port: number } | undefined;
  const to =
    remote === undefined ? undefined : { hostname: (await stack.resolve(remote.hostname))[0]!, port: remote.port };
  const made: { socket: BunUdpSocket | null } = { socket: null };
  const bound = stack.bind({
    port: Number(port),
    ...(address === undefined ? {} : { address }),
    ...(to === undefined ? {} : { connect: to }),
    socket: {
      data: (_, octets, from, sender) => {
        const flags = { truncated: false, ipv6: sender.includes(":") };
        data?.(made.socket!, binaryOf(binaryType as string, octets), from, sender, flags);
      },
      ...(drain === undefined ? {} : { drain: () => drain(made.socket!) }),
      ...(error === undefined ? {} : { error: (_, cause) => error(made.socket!, cause) }),
    },
  });
  made.socket = new BunUdpSocket(bound, binaryType as string, to);
  return made.socket;
}

export function binaryOf(type: string, octets: Uint8Array): unknown {
  const copy = Uint8Array.from(octets);
  return type === "arraybuffer" ? copy.buffer : type === "uint8array" ? copy : Buffer.from(copy.buffer);
}

export class BunUdpSocket {
  readonly hostname: string;
  readonly port: number;
  readonly address: { readonly address: string; readonly family: string; readonly port: number };
  readonly remoteAddress: { readonly address: string; readonly family: string; readonly port: number } | undefined;
  readonly binaryType: string;
  readonly #socket: UdpSocket;

  constructor(
    socket: UdpSocket,
    binaryType: string,
    to: { readonly hostname: string; readonly port: number } | undefined,
  ) {
    this.#socket = socket;
    this.hostname = socket.address;
    this.port = socket.port;
    this.binaryType = binaryType;
    this.address = endOf(socket.address, socket.port);
    this.remoteAddress = to === undefined ? undefined : endOf(to.hostname, to.port);
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  send(data: unknown, port?: number, address?: string): boolean {
    return this.#socket.send(octetsOf(data), port, address);
  }

  sendMany(packets: readonly unknown[]): number {
    const step = this.remoteAddress === undefined ? 3 : 1;
    return this.#socket.sendMany(
      packets.map((each, i) => (i % step === 0 ? octetsOf(each) : (each as number | string))),
    );
  }

  setBroadcast(isAllowed: boolean): boolean {
    this.#socket.broadcast = isAllowed;
    return isAllowed;
  }

  setTTL(): never {
    throw notOfThisWorld("setTTL", "UDP without it");
  }

  addMembership(group: string): never {
    return this.#socket.addMembership(group);
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    void this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const endOf = (address: string, port: number) => ({ address, family: address.includes(":") ? "IPv6" : "IPv4", port });

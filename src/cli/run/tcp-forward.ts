/** Connections of the command: each is opened on this machine first, and answered as that one was. */
import { EADDRNOTAVAIL, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, ETIMEDOUT } from "#ffi/errno";
import type { Attempt } from "#socket/intercept-types";
import type { NetStack } from "#socket/stack-types";
import type { Endpoint, Socket, SocketHandlers } from "#socket/types";
import { Dialer } from "./dialer.ts";
import { reasonOf } from "./reasons.ts";
import { type HostSocket, Relay } from "./relay.ts";

/** The stack's side of a relay; each socket's `data` is its relay. */
const STACK: SocketHandlers = {
  open: (socket) => relayOf(socket).hostDrained(),
  data: (socket, bytes) => relayOf(socket).toHost(bytes),
  end: (socket) => relayOf(socket).stackEnded(),
  drain: (socket) => relayOf(socket).stackDrained(),
  close: (socket, error) => relayOf(socket).stackClosed(error),
};

const relayOf = (socket: Socket) => socket.data as Relay;

/** The host's side. */
const HOST = {
  data: (socket: HostSocket, bytes: Uint8Array) => socket.data.toStack(bytes),
  drain: (socket: HostSocket) => socket.data.hostDrained(),
  end: (socket: HostSocket) => socket.data.hostEnded(),
  close: (socket: HostSocket, error?: Error) => socket.data.hostClosed(error !== undefined && error !== null),
  error: (socket: HostSocket) => socket.data.hostClosed(true),
  connectError: () => {},
};

/** Nagle and delayed ACKs are for the ends to decide: a relay passes on what it gets. */
const OPTIONS = { nodelay: true, socket: STACK };

export class TcpForward {
  readonly #relays = new Set<Relay>();
  readonly #dialer = new Dialer();
  /** How many connections the command opened, and how many of them this machine could not. */
  opened = 0;
  failed = 0;
  /** How many connections came to published ports. */
  published = 0;

  /** Decides about an attempt of the command, which means this destination. */
  attempt(attempt: Attempt, destination: Endpoint): void {
    this.#dialer.dial(destination, (fd) => {
      if (fd >= 0) void this.#join(attempt, fd);
      else this.#fail(attempt, -fd);
    });
  }

  /** Gives the connected descriptor to Bun, which closes it from now on. */
  async #join(attempt: Attempt, fd: number): Promise<void> {
    const relay = this.#relay();
    try {
      const options = { fd, allowHalfOpen: true, data: relay, socket: HOST };
      this.#connected(attempt, relay, await Bun.connect<Relay>(options as never));
    } catch {
      // It ended at once.
      this.#relays.delete(relay);
      this.#fail(attempt, ECONNREFUSED);
    }
  }

  #fail(attempt: Attempt, errno: number): void {
    this.failed++;
    answer(attempt, errno);
  }

  #connected(attempt: Attempt, relay: Relay, host: HostSocket): void {
    host.setNoDelay(true);
    let socket: Socket | null = null;
    try {
      socket = attempt.accept(OPTIONS);
    } catch {
      // The stack has no room for another connection: the command tries again.
      attempt.drop();
    }
    if (socket === null) {
      this.#relays.delete(relay);
      host.terminate();
      return;
    }
    this.opened++;
    socket.data = relay;
    relay.host = host;
    relay.joined(socket);
  }

  get isOver(): boolean {
    return this.#relays.size === 0;
  }

  /** Listens on this machine, and connects to a port of the command. Throws as Bun.listen does. */
  publish(stack: NetStack, where: Endpoint, inside: Endpoint) {
    return Bun.listen<Relay>({
      ...where,
      allowHalfOpen: true,
      socket: {
        ...HOST,
        open: (host) => {
          const relay = this.#relay();
          host.data = relay;
          host.setNoDelay(true);
          try {
            const socket = stack.connect(inside, OPTIONS);
            socket.data = relay;
            relay.host = host;
            relay.joined(socket);
            this.published++;
          } catch {
            // The stack has no room for another connection.
            this.#relays.delete(relay);
            host.terminate();
          }
        },
      },
    });
  }

  /** Whether everything that the command has written is with this machine's sockets. */
  get isSettled(): boolean {
    for (const relay of this.#relays) if (!relay.isSettled) return false;
    return true;
  }

  /** Ends all connections. */
  close(): void {
    this.#dialer.close();
    for (const { host } of this.#relays) host?.terminate();
  }

  #relay(): Relay {
    const relay = new Relay(() => this.#relays.delete(relay));
    this.#relays.add(relay);
    return relay;
  }
}

/** Answers the command as the destination, or this machine, answered. */
function answer(attempt: Attempt, errno: number): void {
  const why = reasonOf(errno);
  if (why !== null) {
    attempt.unreachable(why);
    return;
  }
  switch (errno) {
    // No answer, or this machine has no room: the command tries again, until it gives up.
    case ETIMEDOUT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
      attempt.drop();
      return;
    default:
      attempt.refuse();
  }
}

/** Flows of datagrams of the command: each has a socket of this machine. */
import { constants } from "node:os";
import { ECONNREFUSED } from "#ffi/errno";
import type { UdpFlow } from "#socket/intercept-types";
import type { Endpoint } from "#socket/types";
import { reasonOf } from "./reasons.ts";

type HostUdp = Bun.udp.ConnectedSocket<"uint8array">;

export class UdpForward {
  readonly #sockets = new Map<UdpFlow, HostUdp>();
  opened = 0;

  flow(flow: UdpFlow, destination: Endpoint): void {
    void this.#open(flow, destination).catch((error: NodeJS.ErrnoException) => {
      if (!flow.closed) flow.unreachable(reasonOf(errnoOf(error)) ?? "host");
    });
  }

  async #open(flow: UdpFlow, { hostname, port }: Endpoint): Promise<void> {
    const socket = await Bun.udpSocket({
      binaryType: "uint8array",
      connect: { hostname, port },
      socket: {
        data: (_, data) => {
          // A full queue loses datagrams, as a router does.
          if (!flow.closed) flow.send(data);
        },
        // An ICMP error. Bun gives it alone, other than it declares.
        error: ((error: unknown) => this.#failed(flow, error)) as () => void,
      },
    });
    if (flow.closed) {
      socket.close();
      return;
    }
    this.opened++;
    this.#sockets.set(flow, socket);
    flow.accept({
      data: (_, bytes) => {
        try {
          socket.send(bytes);
        } catch (error) {
          this.#failed(flow, error);
        }
      },
      close: () => this.#close(flow),
    });
  }

  /** Tells the command; errors that are not an answer, such as a full queue, only lose a datagram. */
  #failed(flow: UdpFlow, error: unknown): void {
    const errno = errnoOf(error);
    const why = errno === ECONNREFUSED ? "port" : reasonOf(errno);
    if (why === null) return;
    this.#close(flow);
    if (!flow.closed) flow.unreachable(why);
  }

  #close(flow: UdpFlow): void {
    this.#sockets.get(flow)?.close();
    this.#sockets.delete(flow);
  }

  close(): void {
    for (const flow of [...this.#sockets.keys()]) this.#close(flow);
  }
}

/** The number of an error of Bun's, by its code; 0 if it has none. */
function errnoOf(error: unknown): number {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return (constants.errno as Readonly<Record<string, number>>)[code ?? ""] ?? 0;
}

/** Flows of datagrams of the command: each has a socket of this machine. */
import type { UdpFlow } from "#socket/intercept-types";
import type { Endpoint } from "#socket/types";

type HostUdp = Bun.udp.ConnectedSocket<"uint8array">;

export class UdpForward {
  readonly #sockets = new Map<UdpFlow, HostUdp>();
  opened = 0;

  flow(flow: UdpFlow, destination: Endpoint): void {
    void this.#open(flow, destination).catch((error: NodeJS.ErrnoException) => {
      if (!flow.closed) flow.unreachable(error.code === "ENETUNREACH" ? "network" : "host");
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
        // An ICMP error.
        error: () => this.#failed(flow),
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
          if (isAnswer((error as NodeJS.ErrnoException).code)) this.#failed(flow);
        }
      },
      close: () => this.#close(flow),
    });
  }

  /** The destination answered that nobody receives there. */
  #failed(flow: UdpFlow): void {
    this.#close(flow);
    if (!flow.closed) flow.unreachable();
  }

  #close(flow: UdpFlow): void {
    this.#sockets.get(flow)?.close();
    this.#sockets.delete(flow);
  }

  close(): void {
    for (const flow of [...this.#sockets.keys()]) this.#close(flow);
  }
}

const isAnswer = (code: string | undefined) =>
  code === "ECONNREFUSED" || code === "EHOSTUNREACH" || code === "ENETUNREACH";

/** The way out of the command's stack: over sockets of this machine. */
import { endpointText } from "#socket/endpoint";
import type { Interception } from "#socket/intercept-types";
import type { NetStack } from "#socket/stack-types";
import { CliError } from "../cli-error.ts";
import { EXIT_NOT_READY, EXIT_PERMISSION } from "../exit-codes.ts";
import type { Destinations } from "./destinations.ts";
import { EchoForward } from "./echo-forward.ts";
import { GUEST_4 } from "./network.ts";
import type { Published } from "./options.ts";
import { TcpForward } from "./tcp-forward.ts";
import { UdpForward } from "./udp-forward.ts";

/** Flows of datagrams at one time; each has a descriptor. */
const FLOWS = 512;
/** A flow ends after so long without a datagram, ms. */
const FLOW_IDLE_MS = 120_000;

/** How long what the command wrote may take after its end, ms, and how often it is looked at. */
const LINGER_MS = 15_000;
const LOOK_MS = 5;
/** How long the ends of connections may take after that, ms. */
const LAST_MS = 500;

export class Outward {
  readonly tcp = new TcpForward();
  readonly udp = new UdpForward();
  readonly #echo = new EchoForward();
  readonly #interception: Interception;
  readonly #listeners: { stop(closeActive?: boolean): void }[] = [];

  constructor(stack: NetStack, destinations: Destinations) {
    this.#interception = stack.intercept({
      tcp: (attempt) => {
        const destination = destinations.of(attempt.destination);
        if (destination === null) attempt.unreachable("prohibited");
        else this.tcp.attempt(attempt, destination);
      },
      udp: (flow) => {
        const destination = destinations.of(flow.destination);
        if (destination === null) flow.unreachable("prohibited");
        else this.udp.flow(flow, destination);
      },
      echo: (request) => {
        const destination = destinations.pinged(request.destination);
        if (destination === null) request.unreachable("prohibited");
        else this.#echo.request(request, destination);
      },
      flows: FLOWS,
      flowIdle: FLOW_IDLE_MS,
    });
  }

  /** Throws CliError. */
  publish(stack: NetStack, { hostname, port, inside }: Published): void {
    const to = { hostname: `${GUEST_4.address}`, port: inside };
    try {
      this.#listeners.push(this.tcp.publish(stack, { hostname, port }, to));
    } catch (error) {
      throw publishFailure(endpointText({ hostname, port }), error as NodeJS.ErrnoException);
    }
  }

  /**
   * The command has ended, but its kernel still sends what was written, as after any exit: waits until all of it went out, or for a while.
   * @param isEmpty whether the link has delivered all packets
   */
  async settled(isEmpty: () => boolean): Promise<void> {
    const until = performance.now() + LINGER_MS;
    while (!(this.tcp.isSettled && isEmpty()) && performance.now() < until) await Bun.sleep(LOOK_MS);
    // Most connections now end in order by themselves; the others are reset.
    const last = performance.now() + LAST_MS;
    while (!this.tcp.isOver && performance.now() < last) await Bun.sleep(LOOK_MS);
  }

  close(): void {
    for (const listener of this.#listeners) listener.stop(true);
    this.#interception.close();
    this.tcp.close();
    this.udp.close();
    this.#echo.close();
  }
}

function publishFailure(where: string, { code, message }: NodeJS.ErrnoException): CliError {
  const what = `${where} cannot be published`;
  if (code === "EADDRINUSE") {
    return new CliError(EXIT_NOT_READY, what, "another program listens there", "choose another port: -p 8081:80");
  }
  if (code === "EACCES") {
    return new CliError(EXIT_PERMISSION, what, "ports below 1024 are for root", "choose another port: -p 8080:80");
  }
  return new CliError(EXIT_NOT_READY, what, message, "use an address of this machine");
}

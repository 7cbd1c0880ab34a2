/** The pings of a stack: from the call, over the resolution of a name, to the last answer. */
import type { Address } from "#ip/address";
import { parseAddress } from "#ip/address";
import type { Stack } from "#stack/stack";
import { ConnectionError } from "./connection-error.ts";
import { addressOf, hostNameOf, hostOf } from "./endpoint.ts";
import type { Names } from "./names/names.ts";
import { onAbort } from "./on-abort.ts";
import { echoOptions, Ping } from "./ping.ts";
import type { Host, ResolveOptions } from "./stack-types.ts";
import { checkAddress, checkPingOptions } from "./udp-arguments.ts";
import type { PingOptions, PingSummary } from "./udp-types.ts";

/** What pings use of their stack. */
export interface PingContext {
  readonly engine: Stack;
  readonly host: Host;
  readonly names: Names;
  resolve(name: string, options?: ResolveOptions): Promise<string[]>;
}

/** The pings that run. */
export class Pings {
  readonly #context: PingContext;
  readonly #running = new Set<Ping>();

  constructor(context: PingContext) {
    this.#context = context;
  }

  /** @throws CallError EINVAL, EADDRNOTAVAIL, ENOBUFS. */
  start(host: string, options: PingOptions): Promise<PingSummary> {
    checkAddress(host);
    checkPingOptions(options);
    const { localAddress, signal, onResult } = options;
    const local = localAddress === undefined ? null : addressOf(localAddress);
    const ping = new Ping(this.#context.engine, host, echoOptions(options), onResult);
    const name = hostNameOf(host);
    if (name === null) this.#begin(ping, hostOf(host), local);
    else void this.#beginByName(ping, this.#context.names.check(name), local, signal);
    this.#running.add(ping);
    if (signal !== undefined) onAbort(signal, () => this.#cancel(ping, signal.reason), ping.summary);
    return ping.summary;
  }

  #begin(ping: Ping, remote: Address, local: Address | null): void {
    ping.begin(remote, local);
    this.#context.host.wake();
  }

  /** Asks the first address of a name, of the family of `local` if that is given. */
  async #beginByName(ping: Ping, name: string, local: Address | null, signal: AbortSignal | undefined): Promise<void> {
    try {
      const found = await this.#context.resolve(name, signal === undefined ? {} : { signal });
      // Meanwhile it was cancelled, or the stack closed.
      if (!this.#running.has(ping)) return;
      const all = found.map((text) => parseAddress(text)!);
      const remote = all.find(({ family }) => local === null || family === local.family);
      if (remote === undefined) throw new ConnectionError("ENOTFOUND", `${name} has no IPv${local!.family} address`);
      this.#begin(ping, remote, local);
    } catch (error) {
      this.#cancel(ping, error);
    }
  }

  #cancel(ping: Ping, reason: unknown): void {
    this.#running.delete(ping);
    ping.cancel(reason);
  }

  /** Answers came to one of them. */
  onEvents(ping: Ping): void {
    if (ping.onEvents()) this.#running.delete(ping);
  }

  /** Ends all. @param reason absent: the stack was closed */
  abort(reason?: ConnectionError): void {
    for (const ping of [...this.#running]) {
      const closed = () =>
        new ConnectionError("ECONNABORTED", `the stack was closed during the ping of ${ping.address}`);
      this.#cancel(ping, reason ?? closed());
    }
  }
}

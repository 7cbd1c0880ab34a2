/** Happy Eyeballs, version 2 (RFC 8305): connection attempts to the addresses of one name, a little apart; the first that opens wins. */
import { MILLISECOND } from "#base/time";
import type { Address } from "#ip/address";
import { Alarm } from "#stack/alarms";
import { CallError } from "#stack/call-error";
import { own, takeEvents } from "#stack/connection";
import type { ActiveOpenOptions } from "#stack/options";
import { CLOSED, SYN_RECEIVED, SYN_SENT } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";
import { ConnectionError } from "../connection-error.ts";
import { addressOf, endpointOf, endpointText } from "../endpoint.ts";
import type { SocketContext } from "../socket-context.ts";
import { endError } from "../words.ts";

/** §8: Connection Attempt Delay, and Resolution Delay. */
export const ATTEMPT_DELAY = 250 * MILLISECOND;
export const RESOLUTION_DELAY = 50 * MILLISECOND;

/** Errors that the message of a failure names. */
const NAMED_MAX = 4;

/** One connection attempt: the user of its TCB until it has won. */
export class Attempt {
  readonly #race: Race;
  readonly #tcb: Tcb;
  readonly #begun: number;
  readonly #context: SocketContext;

  constructor(race: Race, context: SocketContext, tcb: Tcb) {
    this.#race = race;
    this.#context = context;
    this.#tcb = tcb;
    this.#begun = context.host.now();
    own(tcb, this);
  }

  /** Its TCB has events: it is open, or has failed. */
  onEvents(): void {
    const tcb = this.#tcb;
    const { state } = tcb;
    if (state === CLOSED) {
      takeEvents(tcb);
      const history = { remote: this.remote, begun: this.#begun, opened: false, closing: false };
      const error = endError(this.#context.engine.info(tcb), history, this.#context.host.now());
      this.#context.engine.release(tcb);
      this.#race.failed(this, error);
    } else if (state === SYN_SENT || state === SYN_RECEIVED) {
      // A soft error; the handshake goes on.
      takeEvents(tcb);
    } else this.#race.won(this, tcb);
  }

  get remote(): string {
    return endpointText(endpointOf(this.#tcb.remote, this.#tcb.remotePort));
  }

  cancel(): void {
    const { engine, host } = this.#context;
    engine.abort(this.#tcb, host.now());
    engine.release(this.#tcb);
  }
}

export interface RaceOptions {
  /** "example.org:80", for messages. */
  readonly remote: string;
  readonly port: number;
  readonly open: ActiveOpenOptions;
  /** Called once: with the TCB of the attempt that won, or with why all have failed. */
  readonly over: (tcb: Tcb | null, error: ConnectionError | null) => void;
}

export class Race {
  readonly #context: SocketContext;
  readonly #options: RaceOptions;
  /** Addresses that were not tried yet, by family, in the resolver's order. */
  readonly #six: Address[] = [];
  readonly #four: Address[] = [];
  /** Addresses of this family are next. */
  #sixNext = true;
  readonly #attempts = new Set<Attempt>();
  readonly #errors: ConnectionError[] = [];
  /** More addresses may come. */
  #resolving = true;
  #isOver = false;
  readonly #next = new Alarm(() => this.#start());

  constructor(context: SocketContext, options: RaceOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Addresses were found. IPv4 waits a little for IPv6 if it is the first (§3). */
  add(texts: readonly string[]): void {
    if (this.#isOver) return;
    const { local } = this.#options.open;
    for (const text of texts) {
      const address = addressOf(text);
      if (local !== undefined && local.family !== address.family) continue;
      (address.family === 6 ? this.#six : this.#four).push(address);
    }
    if (this.#attempts.size > 0 || this.#six.length + this.#four.length === 0) return;
    if (this.#six.length > 0 || !this.#resolving || this.#errors.length > 0) this.#start();
    else this.#startIn(RESOLUTION_DELAY);
  }

  /** No more addresses will come. @param error why none did */
  resolved(error: ConnectionError | null): void {
    if (this.#isOver) return;
    this.#resolving = false;
    if (error !== null) this.#errors.push(error);
    if (this.#attempts.size === 0) this.#start();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#end();
  }

  won(attempt: Attempt, tcb: Tcb): void {
    this.#attempts.delete(attempt);
    this.#end();
    this.#options.over(tcb, null);
  }

  /** §5: the next address is tried at once. */
  failed(attempt: Attempt, error: ConnectionError): void {
    // It was cancelled, and reports that.
    if (!this.#attempts.delete(attempt)) return;
    this.#errors.push(error);
    this.#start();
  }

  /** Tries the next address: of the two families in turn, IPv6 first (§4). */
  #start(): void {
    const { engine, host } = this.#context;
    while (!this.#isOver) {
      const address = this.#choose();
      if (address === undefined) break;
      try {
        const tcb = engine.connect(address, this.#options.port, this.#options.open, host.now());
        this.#attempts.add(new Attempt(this, this.#context, tcb));
        if (this.#six.length + this.#four.length > 0) this.#startIn(ATTEMPT_DELAY);
        else engine.alarms.clear(this.#next);
        host.wake();
        return;
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        this.#errors.push(new ConnectionError(error.code, error.message));
      }
    }
    if (!this.#isOver && !this.#resolving && this.#attempts.size === 0) this.#fail();
  }

  #choose(): Address | undefined {
    const [preferred, other] = this.#sixNext ? [this.#six, this.#four] : [this.#four, this.#six];
    const address = preferred.shift() ?? other.shift();
    if (address !== undefined) this.#sixNext = address.family === 4;
    return address;
  }

  #startIn(delay: number): void {
    const { engine, host } = this.#context;
    engine.alarms.set(this.#next, host.now() + delay);
    host.wake();
  }

  #fail(): void {
    const { remote } = this.#options;
    const errors = this.#errors;
    this.#end();
    const [only] = errors;
    if (only !== undefined && errors.length === 1) {
      this.#options.over(null, only);
      return;
    }
    const why = errors.slice(0, NAMED_MAX).map(({ message }) => message);
    if (errors.length > NAMED_MAX) why.push(`and ${errors.length - NAMED_MAX} more`);
    if (errors.length === 0) why.push("it has no address of the family of localAddress");
    const message = `could not connect to ${remote}: ${why.join("; ")}`;
    this.#options.over(null, new ConnectionError(errors.at(-1)?.code ?? "ENOTFOUND", message));
  }

  #end(): void {
    this.#isOver = true;
    this.#context.engine.alarms.clear(this.#next);
    for (const attempt of this.#attempts) attempt.cancel();
    this.#attempts.clear();
    this.#context.host.wake();
  }
}

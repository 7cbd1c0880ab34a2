import { readable } from "#stack/connection";
import type { Stack } from "#stack/stack";
import { CLOSED } from "#tcp/words/state";
import { EVENT_CLOSED, EVENT_OPENED, EVENT_REMOTE_CLOSED, type Tcb } from "#tcp/words/tcb";
import type { Application, SimHost } from "../sim/host.ts";

const BLOCK = new Uint8Array(1 << 14).fill(0x2e);

/** What an end does by itself; the scene's script does the rest. */
export interface Manners {
  /** It takes data as soon as it arrives. Default true. */
  readonly reads?: boolean;
  /** It closes its side when it has read everything, FIN included. Default true. */
  readonly closesToo?: boolean;
  /** Called once when the connection is open. */
  readonly onOpen?: (end: End) => void;
  /** Called when it has taken data. */
  readonly onData?: (end: End) => void;
}

/** The application at one end of a connection. */
export class End implements Application {
  received = 0;
  readonly #host: SimHost;
  readonly #manners: Manners;
  #tcb: Tcb | undefined;
  #reads: boolean;
  #isOpen = false;
  #pending = 0;
  #closes = false;
  #hasClosed = false;
  #remoteClosed = false;

  constructor(host: SimHost, manners: Manners = {}) {
    this.#host = host;
    this.#manners = manners;
    this.#reads = manners.reads ?? true;
  }

  /** SEND; what has no room in the buffer yet follows later. */
  send(octets: number): void {
    this.#pending += octets;
    this.#act();
  }

  /** CLOSE, after everything that was sent. */
  close(): void {
    this.#closes = true;
    this.#act();
  }

  /** Whether it takes data from now on. */
  reads(on: boolean): void {
    this.#reads = on;
    this.#act();
  }

  onEvents(tcb: Tcb, events: number): void {
    this.#tcb = tcb;
    if (events & EVENT_REMOTE_CLOSED) this.#remoteClosed = true;
    if (events & EVENT_OPENED && !this.#isOpen) {
      this.#isOpen = true;
      this.#manners.onOpen?.(this);
    }
    this.#act();
    if (events & EVENT_CLOSED || tcb.state === CLOSED) this.#end(tcb);
  }

  #act(): void {
    const tcb = this.#tcb;
    if (tcb === undefined || tcb.state === CLOSED) return;
    const { stack, node } = this.#host;
    if (this.#reads) this.#read(stack, tcb);
    if (this.#isOpen) this.#write(stack, tcb, node.now());
    node.wake();
  }

  #read(stack: Stack, tcb: Tcb): void {
    const taken = stack.discard(tcb, readable(tcb));
    this.received += taken;
    if (taken > 0) this.#manners.onData?.(this);
    if (this.#remoteClosed && readable(tcb) === 0 && (this.#manners.closesToo ?? true)) this.#closes = true;
  }

  #write(stack: Stack, tcb: Tcb, now: number): void {
    while (this.#pending > 0) {
      const taken = stack.send(tcb, BLOCK, 0, Math.min(BLOCK.length, this.#pending), now);
      if (taken <= 0) return;
      this.#pending -= taken;
    }
    if (!this.#closes || this.#hasClosed) return;
    this.#hasClosed = true;
    stack.closeSend(tcb, now);
  }

  #end(tcb: Tcb): void {
    this.#tcb = undefined;
    this.#host.stack.release(tcb);
  }
}

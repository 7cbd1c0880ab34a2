import { Fifo } from "#base/fifo";
import type { Address } from "#ip/address";
import type { CookieKeys } from "../open/fast-open-cookie.ts";
import type { TcpParams } from "./params.ts";
import type { Tcb } from "./tcb.ts";

/** A passive OPEN (RFC 9293 §3.9.1): the LISTEN state, and the connections that come from it until they are accepted. */
export class PassiveOpen {
  /** The address connections must be for, or null for every address of ours. MUST-43. */
  readonly local: Address | null;
  readonly port: number;
  /** The foreign socket, if the OPEN specified one: others are refused. Port 0: any. */
  readonly remote: Address | null;
  readonly remotePort: number;
  /** What its connections begin with; replaced, never changed: those that are there share it. */
  params: Readonly<TcpParams>;
  /** Connections that may wait to be accepted; as many may be half open. */
  readonly backlog: number;
  /** Children in SYN-RECEIVED, but for those of Fast Open. */
  halfOpen = 0;
  /** Established children, and those that began by Fast Open, oldest first. */
  readonly ready: Tcb[] = [];
  /** Of `ready` and those accepted since: children in SYN-RECEIVED that began by Fast Open. */
  fastOpenPending = 0;
  /** When those that were reset count no longer (RFC 7413 §5.1), us, oldest first. */
  readonly fastOpenResets = new Fifo<number>();
  /** Keys of its own for cookies; null: the stack's. */
  fastOpenKeys: CookieKeys | null = null;
  closed = false;
  /** A child became ready, or a stranger was refused; drained by the floor above. */
  inEvents = false;
  /** The last remote that was not let in, for the words "a stranger knocked"; null once told. */
  stranger: Address | null = null;
  strangerPort = 0;
  /** Why the last SYN was dropped for want of room (a mark); 0 once told. */
  noRoom = 0;
  /** Something of the floor above. */
  user: unknown = null;

  constructor(
    local: Address | null,
    port: number,
    params: Readonly<TcpParams>,
    backlog: number,
    remote: Address | null,
    remotePort: number,
  ) {
    this.local = local;
    this.port = port;
    this.params = params;
    this.backlog = backlog;
    this.remote = remote;
    this.remotePort = remotePort;
  }

  /** True if no further child can be taken in. */
  get full(): boolean {
    return this.backedUp || this.crowded;
  }

  /** More wait to be accepted than the backlog allows. */
  get backedUp(): boolean {
    return this.ready.length > this.backlog;
  }

  /** As many are half open. */
  get crowded(): boolean {
    return this.halfOpen > this.backlog;
  }

  /** Whether the OPEN lets this remote in. */
  admits(remote: Address, port: number): boolean {
    if (this.remote !== null && !this.remote.equals(remote)) return false;
    return this.remotePort === 0 || this.remotePort === port;
  }
}

import { Fifo } from "#base/fifo";
import type { Address } from "#ip/address";
import type { CookieKeys } from "../open/fast-open-cookie.ts";
import type { TcpParams } from "./params.ts";
import type { Tcb } from "./tcb.ts";

/** A passive OPEN (RFC 9293 §3.9.1): the LISTEN state, and its connections until they are accepted. */
export class PassiveOpen {
  /** The local address of its connections, or null for all of our addresses (MUST-43). */
  readonly local: Address | null;
  readonly port: number;
  /** The foreign socket, if the OPEN specified one: others are refused. Port 0: any. */
  readonly remote: Address | null;
  readonly remotePort: number;
  /** The initial parameters of its connections. Replaced but never changed, because existing connections share them. */
  params: Readonly<TcpParams>;
  /** The most connections waiting to be accepted, and the most half-open ones. */
  readonly backlog: number;
  /** Connections in SYN-RECEIVED, except those of Fast Open. */
  halfOpen = 0;
  /** Established connections, and those begun by Fast Open, oldest first. */
  readonly ready: Tcb[] = [];
  /** Connections begun by Fast Open that are still in SYN-RECEIVED, whether accepted or not. */
  fastOpenPending = 0;
  /** The times at which reset connections no longer count (RFC 7413 §5.1), µs, oldest first. */
  readonly fastOpenResets = new Fifo<number>();
  /** The listener's own cookie keys; null: the stack's. */
  fastOpenKeys: CookieKeys | null = null;
  closed = false;
  /** The layer above must look at it: a connection is ready, or a remote was refused. */
  inEvents = false;
  /** The last remote that was refused, for a message; null once reported. */
  refusedRemote: Address | null = null;
  refusedRemotePort = 0;
  /** Why the last SYN was dropped for lack of room (a mark); 0 once reported. */
  noRoom = 0;
  /** Data of the layer above. */
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

  /** Whether no further connection is accepted. */
  get isFull(): boolean {
    return this.isAcceptQueueFull || this.isSynQueueFull;
  }

  /** Whether more connections wait to be accepted than the backlog allows. */
  get isAcceptQueueFull(): boolean {
    return this.ready.length > this.backlog;
  }

  /** Whether as many connections are half-open as the backlog allows. */
  get isSynQueueFull(): boolean {
    return this.halfOpen > this.backlog;
  }

  /** Whether the OPEN admits this remote. */
  admits(remote: Address, port: number): boolean {
    if (this.remote !== null && !this.remote.equals(remote)) return false;
    return this.remotePort === 0 || this.remotePort === port;
  }
}

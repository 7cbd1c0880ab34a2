/** The public API of interception. Times are milliseconds, sizes octets; refused calls throw `CallError` at once. */
import type { Unreachable } from "#stack/interception";
import type { Endpoint, Socket, SocketOptions } from "./types.ts";

export type { Unreachable };

/**
 * The argument of `intercept`. What has no handler is not intercepted: SYNs get an RST, datagrams an ICMP port unreachable, echo requests
 * no answer. Handlers are called after the engine's turn, never within a call.
 */
export interface InterceptOptions {
  /** Somebody wants to connect to an address and port that nobody here has. */
  tcp?(attempt: Attempt): void;
  /** The first datagram between two ends that no socket hears has arrived. It waits until `accept`. */
  udp?(flow: UdpFlow): void;
  /** Somebody pings an address that is not ours. */
  echo?(request: EchoRequest): void;
  /** Another handler, or a flow's, threw this. Without this one it is an uncaught exception of the program. */
  error?(error: unknown): void;
  /** The most attempts that wait for a decision at one time; beyond that, SYNs are dropped, and their senders repeat them. Default 1024. */
  readonly attempts?: number;
  /** The most flows at one time; beyond that, the flow that was not used for longest ends. Default 1024. */
  readonly flows?: number;
  /** A flow ends after so long without a datagram, ms. Default 120,000 (RFC 4787 REQ-5). */
  readonly flowIdle?: number;
}

/** The interception of a stack. */
export interface Interception {
  /** Ends it: undecided attempts are dropped, flows end, connections go on. */
  close(): void;
}

/**
 * A SYN that waits for a decision. Nothing was answered, so the caller may find out first what the destination would answer. It is over
 * after a decision, 190 s, or a SYN by which its sender begins anew; calls are then ignored.
 */
export interface Attempt {
  /** Who wants to connect. */
  readonly source: Endpoint;
  /** Where to. */
  readonly destination: Endpoint;
  /** Whether it was decided, or is over without that. */
  readonly isOver: boolean;
  /**
   * Accepts the connection, in the destination's name: `local` of the socket is the destination, `remote` the source. Null if the
   * attempt is over. @throws CallError EINVAL; ENOBUFS at the limit of connections: the attempt is then not over.
   */
  accept(options?: SocketOptions): Socket | null;
  /** Answers with an RST: the source's connect fails with ECONNREFUSED. */
  refuse(): void;
  /** Answers with an ICMP error, by default host unreachable: the source's connect fails with EHOSTUNREACH (ENETUNREACH, EACCES). */
  unreachable(why?: Unreachable): void;
  /** Answers nothing: the source repeats its SYN, which is another attempt. */
  drop(): void;
}

/** Datagrams between two ends. */
export interface UdpFlow {
  /** Who sends to the destination. */
  readonly source: Endpoint;
  /** Who is sent to. */
  readonly destination: Endpoint;
  /** Whether the flow is over. */
  readonly closed: boolean;
  /** How many datagrams were dropped because nobody took them in time. */
  readonly dropped: number;
  /** Something of the application; the stack does not look at it. */
  data: unknown;
  /** Takes the flow: the handlers get its datagrams, the first one as well. */
  accept(handlers: UdpFlowHandlers): void;
  /**
   * Sends a copy of `data` to the source, in the destination's name. False: the send queue is full, nothing was sent; `drain` tells when
   * there is room. @throws CallError EMSGSIZE, EPIPE (the flow has ended), ENOBUFS.
   */
  send(data: Uint8Array): boolean;
  /** Answers with an ICMP error, by default port unreachable, and ends the flow. */
  unreachable(why?: Unreachable): void;
  /** Ends the flow without an answer. Another datagram begins another flow. */
  close(): void;
}

/** What a flow calls. */
export interface UdpFlowHandlers {
  /** A datagram from the source: a view of the stack's memory that is valid during the call. */
  data?(flow: UdpFlow, data: Uint8Array): void;
  /** After a `send` that returned false: half of the send queue is free. */
  drain?(flow: UdpFlow): void;
  /** The flow ended by itself: it was idle, another one needed its place, or interception ended. */
  close?(flow: UdpFlow): void;
}

/** An echo request (RFC 792, RFC 4443) to an address that is not ours. */
export interface EchoRequest {
  /** Who asks. */
  readonly source: string;
  /** Who is asked. */
  readonly destination: string;
  /** The identifier of the request (RFC 792). */
  readonly identifier: number;
  /** The sequence number of the request. */
  readonly sequence: number;
  /** A copy. */
  readonly data: Uint8Array;
  /** Answers in the destination's name; false if too many replies wait to be sent. */
  reply(): boolean;
  /** Answers with an ICMP error, by default host unreachable. */
  unreachable(why?: Unreachable): void;
}

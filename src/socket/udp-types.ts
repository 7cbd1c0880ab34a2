/** The public API of UDP sockets and of ping. Times are milliseconds, sizes octets; refused calls throw `CallError` at once. */
import type { ConnectionError } from "./connection-error.ts";
import type { Endpoint } from "./types.ts";

/** A received datagram. */
export interface Datagram {
  /** Its octets: a copy. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Who sent it: 0 to 65535 (a sender may leave its port out, RFC 768), and an IP address as text. */
  readonly port: number;
  /** Who sent it. */
  readonly address: string;
  /** The address of ours that it was sent to, or a broadcast address (RFC 1122 §4.1.3.5). */
  readonly localAddress: string;
}

/** What a UDP socket calls. The names are Bun.udpSocket's. Calls come after the engine's turn, never within a call of the socket. */
export interface UdpHandlers {
  /**
   * A datagram: a view of the stack's memory that is valid during the call; copy what must stay. `port` and `address` are the
   * sender's, `localAddress` is the address of ours that it was sent to. Who has this handler does not `receive`.
   */
  data?(socket: UdpSocket, data: Uint8Array, port: number, address: string, localAddress: string): void;
  /** After a `send` that returned false, or a `sendMany` that sent less: half of the send queue is free. */
  drain?(socket: UdpSocket): void;
  /**
   * A ConnectionError: an ICMP error about a datagram of this connected socket, such as ECONNREFUSED (no program receives there); the
   * socket goes on. Or what another handler threw.
   */
  error?(socket: UdpSocket, error: unknown): void;
  /** The socket was closed, by its `close` or with its stack (null), or its device vanished (ENETDOWN). Nothing is called after that. */
  close?(socket: UdpSocket, error: ConnectionError | null): void;
}

/** The argument of `bind`. */
export interface BindOptions {
  /** One of our addresses, or a loopback address. Absent, "0.0.0.0" or "::": every address of ours. */
  readonly address?: string;
  /** 0 or absent: any free port (RFC 6056); `port` of the socket tells which. */
  readonly port?: number;
  /** Connects the socket: see `UdpSocket.connect`. */
  readonly connect?: Endpoint | string;
  /** What is called when datagrams come. */
  readonly socket?: UdpHandlers;
  /** The most unread octets; datagrams beyond that are dropped, and counted in `dropped`. Default 212,992. */
  readonly receiveBuffer?: number;
  /** Allows sending to broadcast addresses. Default false. */
  readonly broadcast?: boolean;
}

/**
 * A UDP socket (RFC 768). Datagrams may be lost, duplicated and reordered by the network. Iterating it yields datagrams until it is closed.
 * Multicast is not supported.
 */
export interface UdpSocket extends AsyncIterable<Datagram>, AsyncDisposable {
  /** The address that it is bound to; "0.0.0.0" or "::" means every address of ours. */
  readonly address: string;
  /** Our port. */
  readonly port: number;
  /** The connected remote, or null. */
  readonly remote: Endpoint | null;
  /** Whether the socket is closed. */
  readonly closed: boolean;
  /** Whether it may send to broadcast addresses. It may be changed. */
  broadcast: boolean;
  /** Something of the application; the stack does not look at it. */
  data: unknown;
  /** How many datagrams were dropped because nobody read them in time. */
  readonly dropped: number;
  /** The last ICMP error about a datagram of this connected socket. */
  readonly softError: ConnectionError | null;

  /**
   * Sends a copy of `data`: to the connected remote, or to `port` and `address`. False: the send queue is full, nothing was sent; `drain` or
   * `drained` tells when there is room. A datagram that exceeds the path MTU is sent in fragments.
   * @param localAddress one of our addresses, as the source (RFC 1122 §4.1.3.5). Default: the bound one, or chosen by IP
   * @throws CallError EMSGSIZE: more than 65,507 octets (IPv6: 65,527). EINVAL: not an address or a port, another IP version than the
   * bound address, a multicast address. EACCES: a broadcast address without `broadcast`. EADDRNOTAVAIL: no address of that family.
   * ENOTCONN, EISCONN: a remote is missing, or was named although the socket is connected. ENOBUFS: no memory. EPIPE: the socket is closed.
   */
  send(data: Uint8Array, port?: number, address?: string, localAddress?: string): boolean;
  /**
   * Sends several datagrams: `[data, port, address, data, port, address, …]`, or of a connected socket `[data, data, …]`. Returns how
   * many were sent: fewer if the send queue is full. @throws CallError as `send` does; earlier datagrams are sent nevertheless.
   */
  sendMany(packets: readonly (Uint8Array | number | string)[]): number;
  /** Resolves when half of the send queue is free. Rejects if the socket is closed before that. */
  drained(): Promise<void>;

  /**
   * The next datagram; null once the socket is closed. Several may wait. Rejects once with ConnectionError after an ICMP error, unless the
   * socket has an `error` handler. @throws CallError EALREADY if it has a data handler.
   */
  receive(): Promise<Datagram | null>;

  /**
   * From now on the socket sends to this remote, and gets only its datagrams and the ICMP errors about it. What was received before
   * stays. @throws CallError EINVAL, EADDRNOTAVAIL, EPIPE.
   */
  connect(remote: Endpoint | string): void;
  /** Undoes `connect`. */
  disconnect(): void;
  /** Multicast is not supported. @throws CallError EOPNOTSUPP. */
  addMembership(group: string): never;
  /** Keeps the program alive while this is open, also after `stack.unref()`. Default: the stack alone decides. */
  ref(): void;
  /** Undoes `ref`. */
  unref(): void;
  /** Closes the socket: unread datagrams are dropped, those in the send queue are sent. */
  close(): Promise<void>;
}

/** Options of `ping`. */
export interface PingOptions {
  /** Number of echo requests, 1 to 65,535. Default 1. */
  readonly count?: number;
  /** From one request to the next, ms. Default 1000. */
  readonly interval?: number;
  /** Octets of data in each request, 0 to 65,507. Default 56. With fewer than 8, replies are easier to forge. */
  readonly size?: number;
  /** How long each reply is waited for, ms. Default 5000. */
  readonly timeout?: number;
  /** One of our addresses, as the source. Default: chosen by IP. */
  readonly localAddress?: string;
  /** Ends it when it fires: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with each result as it comes. */
  readonly onResult?: (result: PingResult) => void;
}

/** What became of one echo request. */
export interface PingResult {
  /** From 1. */
  readonly sequence: number;
  /** The round trip in ms, with a resolution of 1 µs; null without a reply. */
  readonly time: number | null;
  /** The TTL or hop limit of the reply; null without one. */
  readonly ttl: number | null;
  /** ETIMEDOUT, or an ICMP error such as EHOSTUNREACH; null with a reply. */
  readonly error: ConnectionError | null;
}

/** The results of `ping`. */
export interface PingSummary {
  /** Who was asked. */
  readonly address: string;
  /** The address of ours that asked. */
  readonly localAddress: string;
  /** How many requests were sent. */
  readonly sent: number;
  /** How many were answered. */
  readonly received: number;
  /** The shortest round trip, ms; null without a reply. */
  readonly min: number | null;
  /** The mean of the round trips, ms. */
  readonly average: number | null;
  /** The longest round trip, ms. */
  readonly max: number | null;
  /** In order of the requests. */
  readonly results: readonly PingResult[];
}

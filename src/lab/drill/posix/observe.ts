import { WAKE_ALL, WAKE_ERROR, WAKE_READER, WAKE_WRITER, wake } from "./epoll.ts";
import { type Descriptor, lowWater, noteSoftError, type TcpSocket, type UdpSocket } from "./sockets.ts";
import { noticeUrgent } from "./urgent.ts";

/** Compares sockets with the last time: puts completions on their error queues, and wakes pollers. */

/** The state of a socket at the last time. */
export interface Seen {
  /** Octets ever received in order, and connections waiting to be accepted. */
  readonly arrived: number;
  readonly waiting: number;
  /** Before, during or after the handshake, or at the end. */
  readonly phase: "none" | "opening" | "open" | "closed";
  readonly failed: boolean;
  readonly finished: boolean;
  /** The number of entries ever added to the error queue. */
  readonly errors: number;
}

export const SEEN_NOTHING: Seen = {
  arrived: 0,
  waiting: 0,
  phase: "none",
  failed: false,
  finished: false,
  errors: 0,
};

/** Octets of the stream that the peer has acknowledged. */
export function acknowledgedOctets(s: TcpSocket): number {
  const waiting = s.connection?.unacknowledged() ?? 0;
  // A FIN takes one sequence number as well.
  return s.wrote - Math.max(0, waiting - Number(s.writeShut));
}

/** Octets of the stream that the stack has sent at least once. */
export function sentOctets(s: TcpSocket): number {
  return s.wrote - (s.connection?.unsent() ?? 0);
}

/** Called whenever the stack may have done something. */
export function observe(table: ReadonlyMap<number, Descriptor>, now: number): void {
  for (const socket of table.values()) {
    if (socket.kind === "tcp") observeSocket(table, socket, now);
    else if (socket.kind === "udp") observeUdp(table, socket);
  }
}

function observeUdp(table: ReadonlyMap<number, Descriptor>, s: UdpSocket): void {
  const { waiting, failed } = s.seen;
  const after = {
    waiting: (s.endpoint?.waiting() ?? 0) + Number(s.ahead !== undefined),
    failed: s.endpoint?.hasError?.() ?? false,
  };
  s.seen = after;
  if (after.waiting > waiting) wake(table, s, WAKE_READER);
  if (after.failed && !failed) wake(table, s, WAKE_ERROR);
}

function observeSocket(table: ReadonlyMap<number, Descriptor>, s: TcpSocket, now: number): void {
  if (s.connection) {
    noticeUrgent(s);
    noteSoftError(s);
    for (const departure of s.flow.takeDepartures()) s.errors.departed(departure);
    if (s.connection.state() === "CLOSED") s.errors.purge();
    else s.errors.acknowledged(acknowledgedOctets(s), now);
  }
  const before = s.seen;
  const after = look(s);
  s.seen = after;
  if (after.phase !== before.phase && before.phase !== "none") wake(table, s, WAKE_ALL);
  if (after.finished && !before.finished) wake(table, s, WAKE_ALL);
  if (after.arrived > before.arrived && (s.connection!.readable() >= lowWater(s) || after.finished))
    wake(table, s, WAKE_READER);
  if (after.waiting > before.waiting) wake(table, s, WAKE_READER);
  if (after.errors > before.errors || (after.failed && !before.failed)) wake(table, s, WAKE_ERROR);
  if (s.noSpace && s.connection?.writable()) {
    s.noSpace = false;
    wake(table, s, WAKE_WRITER);
  }
}

function look(s: TcpSocket): Seen {
  const c = s.connection;
  return {
    arrived: s.read + (c?.readable() ?? 0),
    waiting: s.listener?.waiting() ?? 0,
    phase: phaseOf(s),
    failed: c?.error() !== undefined || s.softError !== undefined,
    finished: c?.finished() ?? false,
    errors: s.errors.added,
  };
}

function phaseOf({ connection }: TcpSocket): Seen["phase"] {
  if (!connection) return "none";
  const state = connection.state();
  if (state === "SYN-SENT" || state === "SYN-RECEIVED") return "opening";
  return state === "CLOSED" ? "closed" : "open";
}

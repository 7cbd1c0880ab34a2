import { patternByte } from "../packets/codec.ts";
import { sentOctets } from "./observe.ts";
import { noteSoftError, type TcpSocket, takeError } from "./sockets.ts";
import type { SendFlags, TargetConnection } from "./target.ts";
import { atMark, passUrgent, stretch } from "./urgent.ts";

/** The two streams of a connection, as all calls that transfer octets use them. */

/**
 * Queues octets to be sent, and returns how many fit; or the errno of the failure.
 * @param how see ErrorQueue.wrote
 */
export function queue(
  s: TcpSocket,
  bytes: Uint8Array,
  flags: SendFlags,
  now: number,
  how: "copied" | "lent" | "lent on" = "copied",
): number | string {
  const refused = unwritable(s);
  if (refused) return refused;
  if (opening(s) && !s.impliedConnect) return 0;
  if (bytes.length === 0) return 0;
  const sent = sentOctets(s);
  const n = s.connection!.send(bytes, flags, now);
  s.flow.wrote(s.wrote, bytes.subarray(0, n));
  if (n > 0) s.errors.wrote(s.wrote, s.wrote + n, sent, how);
  s.wrote += n;
  if (n < bytes.length) s.noSpace = true;
  return n;
}

/** The errno of a failing write, or undefined. Before the handshake is over a write waits. */
export function unwritable(s: TcpSocket): string | undefined {
  const error = takeError(s);
  if (error) return error;
  // FreeBSD does not queue data before the connection is open.
  if (s.dialect === "freebsd" && !s.writeShut && (!s.connection || (opening(s) && !s.impliedConnect)))
    return "ENOTCONN";
  return !s.connection || s.writeShut || s.connection.state() === "CLOSED" ? "EPIPE" : undefined;
}

/** Whether the socket is detached from the connection, as Linux's is in TIME-WAIT. */
export function isOver(connection: TargetConnection): boolean {
  const state = connection.state();
  return state === "CLOSED" || state === "TIME-WAIT";
}

export function opening({ connection }: TcpSocket): boolean {
  const state = connection?.state();
  return (state === "SYN-SENT" || state === "SYN-RECEIVED") && !connection?.opensFast();
}

/** Octets taken from the stream, and the pieces in which they arrived. */
export interface Taken {
  readonly octets: number;
  readonly pieces: readonly Uint8Array[];
  readonly faults: readonly string[];
}

/** Takes readable octets, in at most `pieces` pieces. Undefined: none yet; a text: the errno. */
export function take(s: TcpSocket, count: number, pieces: number): Taken | string | undefined {
  const c = s.connection;
  if (!c) return "ENOTCONN";
  // Linux's splice does not pass the urgent octet: it must be read.
  if (atMark(s) && c.readable() > 0) return undefined;
  const most = Math.min(count, c.readable(), s.flow.pieceEnd(s.read, pieces) - s.read, stretch(s, 0).most);
  if (most === 0) {
    const over = streamEnd(s);
    return over === 0 ? { octets: 0, pieces: [], faults: [] } : over;
  }
  const bytes = new Uint8Array(most);
  c.receive(bytes, false, 0);
  const faults = patternFaults(bytes, s.read);
  const cuts: Uint8Array[] = [];
  for (let o = 0; o < most; ) {
    const end = Math.min(most, s.flow.pieceEnd(s.read + o, 1) - s.read);
    cuts.push(bytes.slice(o, end));
    o = end;
  }
  s.read += most;
  passUrgent(s);
  return { octets: most, pieces: cuts, faults };
}

/**
 * The result of a read when no more data will come: 0 at the end of the stream (even after a later reset), or the errno. Undefined: more
 * may come.
 */
export function streamEnd(s: TcpSocket): 0 | string | undefined {
  if (s.connection!.finished()) return 0;
  noteSoftError(s);
  if (s.softError ?? s.connection!.error()) return takeError(s)!;
  return s.readShut || s.connection!.state() === "CLOSED" ? 0 : undefined;
}

/** Differences between the octets read and those that the script injected. */
export function patternFaults(bytes: Uint8Array, offset: number): string[] {
  const i = bytes.findIndex((b, at) => b !== patternByte(offset + at));
  if (i < 0) return [];
  const [got, right] = [bytes[i]!, patternByte(offset + i)].map((b) => `0x${b.toString(16)}`);
  return [`octet ${offset + i} of the stream was read as ${got}, not ${right}`];
}

import { symbol } from "../constants/symbols.ts";
import { done, failed, type Outcome, type TcpSocket } from "./sockets.ts";

/**
 * Urgent data in the socket API: the octet before the urgent pointer is removed from the stream (unless SO_OOBINLINE is set), and read with
 * MSG_OOB; a read stops before it. The stack itself only knows the pointer (RFC 9293 §3.8.5).
 */

export interface UrgentOctet {
  /** Its offset in the stream. */
  readonly at: number;
  /** Whether MSG_OOB has read it. */
  taken: boolean;
}

const PEEK = symbol("MSG_PEEK")!;
const TRUNC = symbol("MSG_TRUNC")!;
const OOB = symbol("MSG_OOB")!;

/** Checks for a newer urgent pointer. The octet of an older one then belongs to the stream. */
export function noticeUrgent(s: TcpSocket): void {
  const ahead = s.connection?.urgentAt?.();
  if (ahead === undefined) return;
  const at = s.read + ahead;
  if (s.urgent === undefined || s.urgent.at < at) s.urgent = { at, taken: false };
}

function isInline(s: TcpSocket): boolean {
  return Boolean(s.options.get("SO_OOBINLINE"));
}

/** The octet has arrived and MSG_OOB has not read it: POLLPRI. */
export function urgentReady(s: TcpSocket): boolean {
  return s.urgent !== undefined && !s.urgent.taken && s.urgent.at < s.read + (s.connection?.readable() ?? 0);
}

/** SIOCATMARK: the next octet to be read is the urgent one (or its place). */
export function atMark(s: TcpSocket): boolean {
  return s.urgent?.at === s.read;
}

/** SIOCINQ counts up to the mark. */
export function readableToMark(s: TcpSocket): number {
  const all = s.connection?.readable() ?? 0;
  if (s.urgent === undefined || isInline(s)) return all;
  const ahead = s.urgent.at - s.read;
  return ahead < 0 || ahead >= all ? all : ahead;
}

/**
 * How many octets a read may take at once, and whether it must first skip the urgent one.
 * @param got octets that the read already has
 */
export function stretch(s: TcpSocket, got: number): { readonly skip: boolean; readonly most: number } {
  const ahead = s.urgent === undefined ? -1 : s.urgent.at - s.read;
  if (ahead < 0) return { skip: false, most: Number.POSITIVE_INFINITY };
  if (ahead > 0) return { skip: false, most: ahead };
  if (got > 0) return { skip: false, most: 0 };
  return { skip: !isInline(s), most: Number.POSITIVE_INFINITY };
}

/** The reader has passed the octet. */
export function passUrgent(s: TcpSocket): void {
  if (s.urgent !== undefined && s.read > s.urgent.at) s.urgent = undefined;
}

/** recv(MSG_OOB). The octet itself is not returned: the interpreter compares it when a read skips it. */
export function receiveUrgent(s: TcpSocket, count: number, flags: number): { outcome: Outcome; flags: number } {
  if (isInline(s) || s.urgent === undefined || s.urgent.taken) return { outcome: failed("EINVAL"), flags: 0 };
  if (!urgentReady(s)) return { outcome: s.readShut ? done(0) : failed("EAGAIN"), flags: 0 };
  if ((flags & PEEK) === 0) s.urgent.taken = true;
  return count > 0 ? { outcome: done(1), flags: OOB } : { outcome: done(0), flags: OOB | TRUNC };
}

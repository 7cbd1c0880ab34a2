import { symbol } from "../constants/symbols.ts";
import { done, failed, type Outcome, type TcpSocket } from "./sockets.ts";

/**
 * Urgent data as the socket API has it: the octet before the urgent pointer is taken out of the stream (unless SO_OOBINLINE),
 * and read with MSG_OOB; a read stops before it. The stack itself only knows the pointer (RFC 9293 §3.8.5).
 */

export interface UrgentOctet {
  /** Its offset in the stream. */
  readonly at: number;
  /** MSG_OOB has read it. */
  taken: boolean;
}

const PEEK = symbol("MSG_PEEK")!;
const TRUNC = symbol("MSG_TRUNC")!;
const OOB = symbol("MSG_OOB")!;

/** Looks for a newer pointer. The octet of an older one is then one of the stream. */
export function noticeUrgent(s: TcpSocket): void {
  const ahead = s.connection?.urgentAt?.();
  if (ahead === undefined) return;
  const at = s.read + ahead;
  if (s.urgent === undefined || s.urgent.at < at) s.urgent = { at, taken: false };
}

function isInline(s: TcpSocket): boolean {
  return Boolean(s.options.get("SO_OOBINLINE"));
}

/** The octet is there and MSG_OOB has not read it: POLLPRI. */
export function urgentReady(s: TcpSocket): boolean {
  return s.urgent !== undefined && !s.urgent.taken && s.urgent.at < s.read + (s.connection?.readable() ?? 0);
}

/** SIOCATMARK: the next octet to be read is the urgent one (or where it was). */
export function atMark(s: TcpSocket): boolean {
  return s.urgent?.at === s.read;
}

/** SIOCINQ counts to the mark. */
export function readableToMark(s: TcpSocket): number {
  const all = s.connection?.readable() ?? 0;
  if (s.urgent === undefined || isInline(s)) return all;
  const ahead = s.urgent.at - s.read;
  return ahead < 0 || ahead >= all ? all : ahead;
}

/**
 * How many octets a read may take in one go, and whether it has to step over the urgent one first.
 * @param got what the read has already.
 */
export function stretch(s: TcpSocket, got: number): { readonly skip: boolean; readonly most: number } {
  const ahead = s.urgent === undefined ? -1 : s.urgent.at - s.read;
  if (ahead < 0) return { skip: false, most: Number.POSITIVE_INFINITY };
  if (ahead > 0) return { skip: false, most: ahead };
  if (got > 0) return { skip: false, most: 0 };
  return { skip: !isInline(s), most: Number.POSITIVE_INFINITY };
}

/** The reader is past the octet: it is history. */
export function passUrgent(s: TcpSocket): void {
  if (s.urgent !== undefined && s.read > s.urgent.at) s.urgent = undefined;
}

/** recv(MSG_OOB). The outcome has no octet to show: the interpreter compares it when it reads over it. */
export function receiveUrgent(s: TcpSocket, count: number, flags: number): { outcome: Outcome; flags: number } {
  if (isInline(s) || s.urgent === undefined || s.urgent.taken) return { outcome: failed("EINVAL"), flags: 0 };
  if (!urgentReady(s)) return { outcome: s.readShut ? done(0) : failed("EAGAIN"), flags: 0 };
  if ((flags & PEEK) === 0) s.urgent.taken = true;
  return count > 0 ? { outcome: done(1), flags: OOB } : { outcome: done(0), flags: OOB | TRUNC };
}

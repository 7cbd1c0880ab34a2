import { symbol } from "../constants/symbols.ts";
import type { Departure } from "../packets/flow.ts";
import type { Control, ExtendedError } from "./messages.ts";

/**
 * The error queue of a socket (MSG_ERRQUEUE): completions of MSG_ZEROCOPY and transmit timestamps, as Linux reports them. The device copies
 * the data, so every completion has SO_EE_CODE_ZEROCOPY_COPIED, as on a TUN device.
 */

const constant = (name: string): number => symbol(name)!;
const ORIGIN_ZEROCOPY = constant("SO_EE_ORIGIN_ZEROCOPY");
const ORIGIN_TIMESTAMPING = constant("SO_EE_ORIGIN_TIMESTAMPING");
const COPIED = constant("SO_EE_CODE_ZEROCOPY_COPIED");
const NO_MESSAGE = constant("ENOMSG");
const SCHEDULED = constant("SCM_TSTAMP_SCHED");
const SENT = constant("SCM_TSTAMP_SND");
const ACKNOWLEDGED = constant("SCM_TSTAMP_ACK");
const TX_SOFTWARE = constant("SOF_TIMESTAMPING_TX_SOFTWARE");
const TX_SCHEDULED = constant("SOF_TIMESTAMPING_TX_SCHED");
const TX_ACKNOWLEDGED = constant("SOF_TIMESTAMPING_TX_ACK");
const TX_ANY = TX_SOFTWARE | TX_SCHEDULED | TX_ACKNOWLEDGED;
const REPORTS = constant("SOF_TIMESTAMPING_SOFTWARE");
const OPT_ID = constant("SOF_TIMESTAMPING_OPT_ID");
const OPT_ID_TCP = constant("SOF_TIMESTAMPING_OPT_ID_TCP");
const OPT_TSONLY = constant("SOF_TIMESTAMPING_OPT_TSONLY");
const OPT_STATS = constant("SOF_TIMESTAMPING_OPT_STATS");

/** One entry of the queue, and the length of its data. */
export interface QueuedError {
  readonly length: number;
  /** The time of a transmit timestamp; undefined for a completion. */
  readonly stamped: number | undefined;
  readonly hasStatistics: boolean;
  readonly error: ExtendedError;
}

/** A MSG_ZEROCOPY send (or several that share a buffer) whose octets, up to `end` of the stream, are not acknowledged. */
interface Loan {
  readonly first: number;
  last: number;
  end: number;
}

/** A send whose last octet will be timestamped. */
interface Mark {
  readonly end: number;
  readonly flags: number;
}

/** Linux merges completions within a buffer of at most this many octets. */
const LOAN_MAX = 0x7ffff;
/** Linux puts at most this many octets into one buffer. */
const BUFFER_MAX = 65_000;

/** The smallest size of SCM_TIMESTAMPING_OPT_STATS on Linux, octets. */
const STATISTICS = 248;

export class ErrorQueue {
  /** SO_TIMESTAMPING. */
  flags = 0;
  /** The stream offset from which identifiers count. */
  base = 0;
  /** The number of entries ever added. */
  added = 0;
  readonly #entries: QueuedError[] = [];
  #loans: Loan[] = [];
  #marks: Mark[] = [];
  #nextLoan = 0;
  #loanStart = 0;

  get length(): number {
    return this.#entries.length;
  }

  take(): QueuedError | undefined {
    return this.#entries.shift();
  }

  /** Sets SO_TIMESTAMPING: identifiers count from the next octet, or from the oldest unacknowledged one. */
  setTimestamping(flags: number, wrote: number, acknowledged: number): void {
    if ((flags & OPT_ID) !== 0 && (this.flags & OPT_ID) === 0) {
      this.base = (flags & OPT_ID_TCP) !== 0 ? wrote : acknowledged;
    }
    this.flags = flags;
  }

  /**
   * A call queued octets from `start` to `end` of the stream.
   * @param sent the offset up to which the stack has sent
   * @param how copied; lent (the first octets of a MSG_ZEROCOPY call); or lent on, by a call that had to wait for room
   */
  wrote(start: number, end: number, sent: number, how: "copied" | "lent" | "lent on"): void {
    const last = this.#loans.at(-1);
    const open = last !== undefined && last.end > sent;
    if (how === "lent" && !(open && end - this.#loanStart <= LOAN_MAX)) {
      this.#loanStart = start;
      this.#loans.push({ first: this.#nextLoan, last: this.#nextLoan++, end });
      return;
    }
    if (!last || !(open || how === "lent on")) return;
    if (how === "lent") last.last = this.#nextLoan++;
    // Data added to an unsent buffer delays its completion.
    last.end = end;
  }

  /** A call lent octets that were sent with a SYN: they were copied at once. */
  copied(): void {
    this.#completed(this.#nextLoan, this.#nextLoan++);
  }

  /** The call that queued these octets is over: its last octet will be timestamped. */
  mark(start: number, end: number, sent: number): void {
    if ((this.flags & TX_ANY) === 0 || end === start) return;
    const last = this.#marks.at(-1);
    // One buffer has only one timestamp: that of the newest call.
    if (last && last.end > sent && end - sent <= BUFFER_MAX) this.#marks.pop();
    this.#marks.push({ end, flags: this.flags });
  }

  departed(packet: Departure): void {
    for (const { end, flags } of this.#marks) {
      if (end <= packet.start || end > packet.end) continue;
      if (flags & TX_SCHEDULED) this.#stamp(SCHEDULED, end, packet.time, packet.octets);
      if (flags & TX_SOFTWARE) this.#stamp(SENT, end, packet.time, packet.octets);
    }
  }

  /** The peer has acknowledged everything up to this offset, or the connection has ended. */
  acknowledged(offset: number, now: number): void {
    for (const mark of this.#marks) {
      if (mark.end <= offset && mark.flags & TX_ACKNOWLEDGED) this.#stamp(ACKNOWLEDGED, mark.end, now, 1);
    }
    this.#marks = this.#marks.filter((mark) => mark.end > offset);
    this.#complete(offset);
  }

  /** The connection has ended, and with it all its buffers. */
  purge(): void {
    this.#marks = [];
    this.#complete(Number.POSITIVE_INFINITY);
  }

  #complete(offset: number): void {
    for (const loan of this.#loans) if (loan.end <= offset) this.#completed(loan.first, loan.last);
    this.#loans = this.#loans.filter((loan) => loan.end > offset);
  }

  /** Consecutive completions are merged into one entry until it is read. */
  #completed(first: number, last: number): void {
    const tail = this.#entries.at(-1);
    const extends_ = tail?.error.ee_origin === ORIGIN_ZEROCOPY && tail.error.ee_data + 1 === first;
    if (extends_) this.#entries.pop();
    this.#push({
      length: 0,
      stamped: undefined,
      hasStatistics: false,
      error: {
        ee_errno: 0,
        ee_origin: ORIGIN_ZEROCOPY,
        ee_type: 0,
        ee_code: COPIED,
        ee_info: extends_ ? tail.error.ee_info : first,
        ee_data: last,
      },
    });
  }

  #stamp(info: number, end: number, time: number, octets: number): void {
    const id = (this.flags & OPT_ID) === 0 ? 0 : (end - 1 - this.base) >>> 0;
    this.#push({
      length: this.flags & OPT_STATS ? STATISTICS : this.flags & OPT_TSONLY ? 0 : octets,
      stamped: this.flags & REPORTS ? time : undefined,
      hasStatistics: (this.flags & OPT_STATS) !== 0,
      error: {
        ee_errno: NO_MESSAGE,
        ee_origin: ORIGIN_TIMESTAMPING,
        ee_type: 0,
        ee_code: 0,
        ee_info: info,
        ee_data: id,
      },
    });
  }

  #push(entry: QueuedError): void {
    this.#entries.push(entry);
    this.added++;
  }
}

/** The control messages of an entry, in Linux's order. */
export function errorControls(entry: QueuedError, family: 4 | 6): Control[] {
  const controls: Control[] = [];
  const socket = constant("SOL_SOCKET");
  if (entry.stamped !== undefined) {
    controls.push({ level: socket, type: constant("SCM_TIMESTAMPING"), data: { kind: "time", usecs: entry.stamped } });
  }
  if (entry.hasStatistics)
    controls.push({ level: socket, type: constant("SCM_TIMESTAMPING_OPT_STATS"), data: undefined });
  const [level, type] = family === 6 ? ["SOL_IPV6", "IPV6_RECVERR"] : ["SOL_IP", "IP_RECVERR"];
  return [...controls, { level: constant(level!), type: constant(type!), data: { kind: "error", error: entry.error } }];
}

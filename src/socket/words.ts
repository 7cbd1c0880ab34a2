/** Messages for people: why a connection ended, or is in doubt. */
import { timeText } from "#observe/units";
import * as E from "#tcp/words/error";
import { GAVE_UP_WINDOW } from "#tcp/words/marks";
import type { Tcb } from "#tcp/words/tcb";
import { ConnectionError } from "./connection-error.ts";

/** Facts about a connection that the messages depend on. */
export interface Course {
  /** The peer as text. */
  readonly remote: string;
  /** When the OPEN was called, µs. */
  readonly begun: number;
  readonly opened: boolean;
  /** Whether this side had closed both directions. */
  readonly closing: boolean;
}

/** Why a connection with `tcb.error` ended. */
export function endError(tcb: Tcb, course: Course, now: number, cause?: unknown): ConnectionError {
  return new ConnectionError(E.errorName(tcb.error), words(tcb, tcb.error, course, now), cause);
}

/** An error that did not end the connection, for the user. */
export function doubt(tcb: Tcb, course: Course, now: number): ConnectionError {
  if (tcb.softError !== 0) {
    return new ConnectionError(E.errorName(tcb.softError), words(tcb, tcb.softError, course, now));
  }
  const { remote, opened } = course;
  const times = `${tcb.retries} retransmissions`;
  const what = opened ? "has acknowledged nothing for" : "has not answered for";
  return new ConnectionError("ETIMEDOUT", `${remote} ${what} ${silence(tcb, course, now)}, ${times}, still retrying`);
}

function words(tcb: Tcb, error: number, course: Course, now: number): string {
  const { remote, opened, closing } = course;
  switch (error) {
    case E.ECONNREFUSED:
      return `${remote} refused the connection: no program listens there, or this address may not connect`;
    case E.ECONNRESET:
      return closing
        ? `${remote} sent data after this side had closed, so the connection was reset`
        : `${remote} reset the connection`;
    case E.ETIMEDOUT:
      if (tcb.endedBy === GAVE_UP_WINDOW) return `gave up: ${remote} answers, but keeps its window closed`;
      return opened
        ? `gave up: ${remote} has not answered for ${silence(tcb, course, now)}`
        : `${remote} did not answer within ${silence(tcb, course, now)} (${tcb.segmentsOut} SYN${tcb.segmentsOut === 1 ? "" : "s"})`;
    case E.EHOSTUNREACH:
      return `${remote} is unreachable (ICMP error from a router or host on the path)`;
    case E.ENETUNREACH:
      return `${remote} is unreachable (ICMP error: a router on the path has no route)`;
    case E.ENOPROTOOPT:
      return `${remote} does not speak TCP (ICMP protocol unreachable)`;
    case E.ECONNABORTED:
      return `the connection to ${remote} was aborted by this side`;
    default:
      return `the connection to ${remote} ended with ${E.errorName(error)}`;
  }
}

/** How long the peer has been silent. */
function silence(tcb: Tcb, course: Course, now: number): string {
  const heard = course.opened ? Math.max(tcb.openedAt, tcb.lastAckTime, tcb.lastReceiveTime) : course.begun;
  return timeText(now - heard);
}

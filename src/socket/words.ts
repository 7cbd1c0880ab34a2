/** Messages for people: why a connection ended, or is in doubt. */
import { timeText } from "#observe/units";
import * as E from "#tcp/words/error";
import { GAVE_UP_WINDOW } from "#tcp/words/marks";
import type { Tcb } from "#tcp/words/tcb";
import { ConnectionError } from "./connection-error.ts";

/** Facts about a connection that the messages depend on. */
export interface ConnectionHistory {
  /** The peer as text. */
  readonly remote: string;
  /** When the OPEN was called, µs. */
  readonly begun: number;
  readonly opened: boolean;
  /** Whether this side had closed both directions. */
  readonly closing: boolean;
}

/** Why a connection with `tcb.error` ended. */
export function endError(tcb: Tcb, history: ConnectionHistory, now: number, cause?: unknown): ConnectionError {
  return new ConnectionError(E.errorName(tcb.error), words(tcb, tcb.error, history, now), cause);
}

/** An error that did not end the connection, for the user. */
export function doubt(tcb: Tcb, history: ConnectionHistory, now: number): ConnectionError {
  if (tcb.softError !== 0) {
    return new ConnectionError(E.errorName(tcb.softError), words(tcb, tcb.softError, history, now));
  }
  const { remote, opened } = history;
  const times = `${tcb.retries} retransmissions`;
  const what = opened ? "has acknowledged nothing for" : "has not answered for";
  return new ConnectionError("ETIMEDOUT", `${remote} ${what} ${silence(tcb, history, now)}, ${times}, still retrying`);
}

function words(tcb: Tcb, error: number, history: ConnectionHistory, now: number): string {
  const { remote, opened, closing } = history;
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
        ? `gave up: ${remote} has not answered for ${silence(tcb, history, now)}`
        : `${remote} did not answer within ${silence(tcb, history, now)} (${tcb.segmentsOut} SYN${tcb.segmentsOut === 1 ? "" : "s"})`;
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
function silence(tcb: Tcb, history: ConnectionHistory, now: number): string {
  const heard = history.opened ? Math.max(tcb.openedAt, tcb.lastAckTime, tcb.lastReceiveTime) : history.begun;
  return timeText(now - heard);
}

/** Messages for people: why a connection ended, or is in doubt. */

import { markName } from "#base/mark";
import { timeText } from "#observe/units";
import type { TcpInfo } from "#tcp/machine/info";
import type { TcpErrorName } from "#tcp/words/error";
import { GAVE_UP_WINDOW } from "#tcp/words/marks";
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

/** Why a connection with an error ended. */
export function endError(info: TcpInfo, history: ConnectionHistory, now: number, cause?: unknown): ConnectionError {
  return new ConnectionError(info.error, words(info, info.error, history, now), cause);
}

/** An error that did not end the connection, for the user. */
export function doubt(info: TcpInfo, history: ConnectionHistory, now: number): ConnectionError {
  if (info.softError !== "OK") return new ConnectionError(info.softError, words(info, info.softError, history, now));
  const { remote, opened } = history;
  const times = `${info.backoff} retransmissions`;
  const what = opened ? "has acknowledged nothing for" : "has not answered for";
  return new ConnectionError("ETIMEDOUT", `${remote} ${what} ${silence(info, history, now)}, ${times}, still retrying`);
}

/** Nothing moved for the idle timeout, µs. */
export function idleError({ remote, opened }: ConnectionHistory, idle: number): ConnectionError {
  const what = opened
    ? `nothing was sent to or received from ${remote} for ${timeText(idle)} (idleTimeout)`
    : `${remote} did not answer within ${timeText(idle)} (idleTimeout)`;
  return new ConnectionError("ETIMEDOUT", what);
}

/** `close` found that the peer did not acknowledge everything within `linger` µs. */
export function lingerError({ remote }: ConnectionHistory, linger: number): ConnectionError {
  return new ConnectionError(
    "ETIMEDOUT",
    `${remote} has not acknowledged everything within ${timeText(linger)} after close (linger)`,
  );
}

function words(info: TcpInfo, error: TcpErrorName, history: ConnectionHistory, now: number): string {
  const { remote, opened, closing } = history;
  switch (error) {
    case "ECONNREFUSED":
      return `${remote} refused the connection: no program listens there, or this address may not connect`;
    case "ECONNRESET":
      return closing
        ? `${remote} sent data after this side had closed, so the connection was reset`
        : `${remote} reset the connection`;
    case "ETIMEDOUT":
      if (info.endedBy === markName(GAVE_UP_WINDOW)) return `gave up: ${remote} answers, but keeps its window closed`;
      return opened
        ? `gave up: ${remote} has not answered for ${silence(info, history, now)}`
        : `${remote} did not answer within ${silence(info, history, now)} (${info.segsOut} SYN${info.segsOut === 1 ? "" : "s"})`;
    case "EHOSTUNREACH":
      return `${remote} is unreachable (ICMP error from a router or host on the path)`;
    case "ENETUNREACH":
      return `${remote} is unreachable (ICMP error: a router on the path has no route)`;
    case "ENOPROTOOPT":
      return `${remote} does not speak TCP (ICMP protocol unreachable)`;
    case "ECONNABORTED":
      return `the connection to ${remote} was aborted by this side`;
    default:
      return `the connection to ${remote} ended with ${error}`;
  }
}

/** How long the peer has been silent. */
function silence(info: TcpInfo, history: ConnectionHistory, now: number): string {
  const heard = history.opened ? Math.max(info.openedAt, info.lastAckAt, info.lastReceivedAt) : history.begun;
  return timeText(now - heard);
}

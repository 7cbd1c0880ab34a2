/** Options of the sockets of `host` and `peer`. */
import type { ListenOptions, SocketOptions } from "#socket/types";
import type { SessionOptions } from "./session-options.ts";

/** Silence after which a connection is given up, ms: the time for which the SYN is retransmitted (RFC 9293 MUST-23: 3 minutes). */
const SILENCE_MS = 255_000;
/** The backlog: connections that may wait to be accepted. */
const BACKLOG = 128;
const BACKLOG_OF_SERVICE = 1024;

export function silenceMs({ timeout }: SessionOptions): number {
  return timeout === undefined ? SILENCE_MS : Math.max(1, timeout / 1000);
}

/** With keep-alive a vanished peer is noticed even if there is nothing to send. */
export function socketOptionsOf(options: SessionOptions): SocketOptions {
  const silence = silenceMs(options);
  const keepAlive = { idle: silence / 2, interval: silence / 10, count: 5 };
  return {
    userTimeout: silence,
    keepAlive,
    timestamps: options.strictTimestamps ? "strict" : true,
    ...(options.cc === undefined ? {} : { cc: options.cc }),
    ...(options.pacing === undefined ? {} : { pacing: options.pacing }),
  };
}

/** @param connections the limit of connections */
export function listenOptionsOf(options: SessionOptions, connections: number): ListenOptions & { backlog: number } {
  const { endpoint: e, port, service, fastOpen } = options;
  return {
    port,
    backlog: Math.min(service.kind === "pipe" ? BACKLOG : BACKLOG_OF_SERVICE, Math.ceil(connections / 2)),
    ...(e.remote === null ? {} : { remote: `${e.remote}` }),
    ...socketOptionsOf(options),
    fastOpen,
    // A remote given by name needs no cookie: nobody else is accepted.
    params: { fastOpenCookieless: e.remote !== null },
  };
}

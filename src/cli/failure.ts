import type { ConnectionError } from "#socket/connection-error";
import { CliError } from "./cli-error.ts";
import { noWay, obstacle, obstacleAfterSilence } from "./diagnose.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  EXIT_CONNECT_TIMEOUT,
  EXIT_FAILURE,
  EXIT_REFUSED,
  EXIT_RESET,
  EXIT_TRANSFER_TIMEOUT,
  EXIT_UNREACHABLE,
} from "./exit-codes.ts";
import { programName } from "./program.ts";

/**
 * Why a connection could not be opened, with likely reasons found on this machine.
 * @param server what the other program is, if it is neither host nor peer
 */
export function openFailure(
  error: ConnectionError,
  heard: ConnectionError | null,
  e: Endpoint,
  server?: string,
): CliError {
  const what = error.message;
  if (error.code === "ECONNREFUSED") {
    const why = `the SYN, which came from ${e.local}, was answered with RST`;
    const any = server === undefined ? `${e.role === "host" ? "peer" : "host"} --any lets anybody connect` : "";
    const fix = e.toKernel
      ? "start the program first"
      : `check port and address on both sides (${any || `is the ${server} running?`})`;
    return new CliError(EXIT_REFUSED, what, why, fix);
  }
  // A router's ICMP error is a better reason than silence.
  const unreachable = [error, heard].find((each) => each !== null && UNREACHABLE.has(each.code));
  if (unreachable) {
    const found = obstacle(e) ?? noWay(e);
    return new CliError(EXIT_UNREACHABLE, unreachable.message, found.what, found.fix);
  }
  const { what: why, fix } = obstacleAfterSilence(e, server);
  if (error.code === "ETIMEDOUT") return new CliError(EXIT_CONNECT_TIMEOUT, what, why, fix);
  if (error.code === "ENETDOWN") return deviceGone(e);
  return new CliError(EXIT_FAILURE, what);
}

const UNREACHABLE = new Set<string>(["EHOSTUNREACH", "ENETUNREACH", "ENOPROTOOPT"]);

/** Why an open connection ended early. */
export function transferFailure(error: ConnectionError, e: Endpoint): CliError {
  const other = e.role === "host" ? "peer" : "host";
  switch (error.code) {
    case "ECONNRESET":
      return new CliError(
        EXIT_RESET,
        error.message,
        `the ${other} was ended (Ctrl-C twice, a crash), or closed before it had read all data`,
      );
    case "ETIMEDOUT":
      return new CliError(
        EXIT_TRANSFER_TIMEOUT,
        error.message,
        `the ${other} or the path to it has gone`,
        `${programName} status shows devices, routes and firewalls`,
      );
    case "ENETDOWN":
      return deviceGone(e);
    default:
      return new CliError(UNREACHABLE.has(error.code) ? EXIT_UNREACHABLE : EXIT_FAILURE, error.message);
  }
}

/** As which kind of warning a failure of one of many connections is counted. */
export function warningKind({ exitCode }: CliError): "reset" | "silent" | "failed" {
  if (exitCode === EXIT_RESET) return "reset";
  return exitCode === EXIT_CONNECT_TIMEOUT || exitCode === EXIT_TRANSFER_TIMEOUT ? "silent" : "failed";
}

export function deviceGone({ tun }: Pick<Endpoint, "tun">): CliError {
  return new CliError(EXIT_FAILURE, `${tun} vanished`, "the device was removed while it was in use (by netdown?)");
}

/** Exit codes that netup, netdown and status use (the program's table, UX of the command line). */
export const EXIT_OK = 0;
export const EXIT_USAGE = 2;
/** The environment is not ready: something is missing, in the way, or still drops packets. */
export const EXIT_NOT_READY = 3;
export const EXIT_PERMISSION = 4;

/** A failure in words: what failed (the message), why, and what to type. */
export class NetupError extends Error {
  override readonly name = "NetupError";
  readonly exitCode: number;
  readonly why: string;
  /** What to type or do next. */
  readonly fix: string;

  constructor(exitCode: number, what: string, why: string, fix: string) {
    super(what);
    this.exitCode = exitCode;
    this.why = why;
    this.fix = fix;
  }
}

export function usage(what: string, why: string, fix: string): NetupError {
  return new NetupError(EXIT_USAGE, what, why, fix);
}

export function notReady(what: string, why: string, fix: string): NetupError {
  return new NetupError(EXIT_NOT_READY, what, why, fix);
}

/** Root has no such power in a container, commonly: then `sudo` is no help. */
export function notRoot(command: string, { uid }: { readonly uid: number }, program: string): NetupError {
  const why = "devices, forwarding and firewalls belong to root with CAP_NET_ADMIN";
  const fix = uid === 0 ? "for a container: docker run --cap-add NET_ADMIN" : `sudo ${program} ${command}`;
  return new NetupError(EXIT_PERMISSION, `${command} may not change the network`, why, fix);
}

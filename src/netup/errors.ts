/** Exit codes of netup, netdown and status; the same as in `src/cli/exit-codes.ts`. */
export const EXIT_OK = 0;
export const EXIT_USAGE = 2;
/** The machine is not ready: something is missing, is in use, or still drops packets. */
export const EXIT_NOT_READY = 3;
export const EXIT_PERMISSION = 4;

/** A failure for people: what failed (the message), why, and what to type. */
export class NetupError extends Error {
  override readonly name = "NetupError";
  readonly exitCode: number;
  readonly why: string;
  /** What to type or do next; "" for nothing. */
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

/** In most containers even root lacks CAP_NET_ADMIN: `sudo` does not help there. */
export function notRoot(command: string, { uid }: { readonly uid: number }, program: string): NetupError {
  const why = "changing devices, forwarding and firewalls needs root with CAP_NET_ADMIN";
  const fix = uid === 0 ? "for a container: docker run --cap-add NET_ADMIN" : `sudo ${program} ${command}`;
  return new NetupError(EXIT_PERMISSION, `${command} may not change the network`, why, fix);
}

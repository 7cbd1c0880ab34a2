import { errnoName, errnoWords } from "./errno.ts";

/** What a failed system call is told with. */
export interface Failure {
  /** The call or request as the manual pages name it: "open", "TUNSETIFF". */
  readonly call: string;
  /** What it was done to: a path, an interface. */
  readonly target: string;
  /** The error number, positive. */
  readonly errno: number;
  /** Why, and what to do about it, in sentences; may be empty. */
  readonly hint?: string;
}

/** The system said no. The message tells which call failed on what, why, and what to do about it. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly call: string;
  readonly target: string;
  readonly errno: number;
  /** The error's name: "EPERM". */
  readonly code: string;
  readonly hint: string;

  constructor({ call, target, errno, hint = "" }: Failure) {
    const code = errnoName(errno);
    super(`${call} on ${target}: ${errnoWords(errno)} (${code})${hint === "" ? "" : `. ${hint}`}`);
    this.call = call;
    this.target = target;
    this.errno = errno;
    this.code = code;
    this.hint = hint;
  }
}

/** Hands on what a call of `#ffi/libc` answered, or throws if that is an error (a negative number). */
export function check(result: number, call: string, target: string, hint?: (errno: number) => string): number {
  if (result >= 0) return result;
  throw new SystemError({ call, target, errno: -result, hint: hint?.(-result) ?? "" });
}

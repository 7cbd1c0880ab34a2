import { errnoName, errnoWords } from "./errno.ts";

/** The details of a failed system call. */
export interface Failure {
  /** The call or request as the manual pages name it: "open", "TUNSETIFF". */
  readonly call: string;
  /** The object of the call: a path, an interface. */
  readonly target: string;
  /** The error number, positive. */
  readonly errno: number;
  /** Why, and what to do about it, in sentences; may be empty. */
  readonly hint?: string;
}

/** A system call failed. The message says which call failed on what, why, and what to do about it. */
export class SystemError extends Error {
  /** "SystemError". */
  override readonly name = "SystemError";
  /** The call or request as the manual pages name it: "open", "TUNSETIFF". */
  readonly call: string;
  /** The object of the call: a path, an interface. */
  readonly target: string;
  /** The error number, positive. */
  readonly errno: number;
  /** The error's name: "EPERM". */
  readonly code: string;
  /** Why, and what to do about it; may be empty. */
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

/** Returns the result of a call of `#ffi/libc`, or throws SystemError if it is a negated error number. */
export function check(result: number, call: string, target: string, hint?: (errno: number) => string): number {
  if (result >= 0) return result;
  throw new SystemError({ call, target, errno: -result, hint: hint?.(-result) ?? "" });
}

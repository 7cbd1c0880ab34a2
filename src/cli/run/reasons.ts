/** What the command is told of an error of this machine's sockets. */
import { EACCES, EAFNOSUPPORT, EHOSTUNREACH, EINVAL, ENETUNREACH, EPERM } from "#ffi/errno";
import type { Unreachable } from "#socket/intercept-types";

/** The ICMP error that stands for this one; null: none does. */
export function reasonOf(errno: number): Unreachable | null {
  switch (errno) {
    case ENETUNREACH:
    case EAFNOSUPPORT:
      return "network";
    case EHOSTUNREACH:
    case EINVAL:
      return "host";
    case EACCES:
    case EPERM:
      return "prohibited";
    default:
      return null;
  }
}

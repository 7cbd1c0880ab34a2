/** Linux's error numbers (asm-generic, the same on x86-64 and arm64) that our calls can return: number, name, and a description. */
const TABLE: readonly (readonly [number, string, string])[] = [
  [1, "EPERM", "operation not permitted"],
  [2, "ENOENT", "no such file or directory"],
  [4, "EINTR", "interrupted by a signal"],
  [5, "EIO", "input/output error"],
  [6, "ENXIO", "no such device or address"],
  [7, "E2BIG", "argument list too long"],
  [9, "EBADF", "bad file descriptor"],
  [11, "EAGAIN", "resource temporarily unavailable"],
  [12, "ENOMEM", "out of memory"],
  [13, "EACCES", "permission denied"],
  [14, "EFAULT", "bad address"],
  [16, "EBUSY", "device or resource busy"],
  [17, "EEXIST", "exists already"],
  [19, "ENODEV", "no such device"],
  [20, "ENOTDIR", "not a directory"],
  [21, "EISDIR", "is a directory"],
  [22, "EINVAL", "invalid argument"],
  [23, "ENFILE", "too many open files in the system"],
  [24, "EMFILE", "too many open files"],
  [25, "ENOTTY", "inappropriate request for this descriptor"],
  [27, "EFBIG", "file too large"],
  [28, "ENOSPC", "no space left on device"],
  [30, "EROFS", "read-only file system"],
  [32, "EPIPE", "broken pipe"],
  [34, "ERANGE", "out of range"],
  [36, "ENAMETOOLONG", "name too long"],
  [38, "ENOSYS", "not implemented by this kernel"],
  [71, "EPROTO", "protocol error"],
  [77, "EBADFD", "descriptor in a bad state"],
  [79, "ELIBACC", "cannot access a needed shared library"],
  [88, "ENOTSOCK", "not a socket"],
  [89, "EDESTADDRREQ", "destination address required"],
  [90, "EMSGSIZE", "message too long"],
  [91, "EPROTOTYPE", "protocol wrong type for socket"],
  [92, "ENOPROTOOPT", "protocol not available"],
  [93, "EPROTONOSUPPORT", "protocol not supported"],
  [95, "EOPNOTSUPP", "operation not supported"],
  [97, "EAFNOSUPPORT", "address family not supported"],
  [98, "EADDRINUSE", "address already in use"],
  [99, "EADDRNOTAVAIL", "address not available"],
  [100, "ENETDOWN", "network is down"],
  [101, "ENETUNREACH", "network unreachable"],
  [103, "ECONNABORTED", "connection aborted"],
  [104, "ECONNRESET", "connection reset by the peer"],
  [105, "ENOBUFS", "no buffer space available"],
  [106, "EISCONN", "connected already"],
  [107, "ENOTCONN", "not connected"],
  [110, "ETIMEDOUT", "timed out"],
  [111, "ECONNREFUSED", "connection refused"],
  [112, "EHOSTDOWN", "host is down"],
  [113, "EHOSTUNREACH", "host unreachable"],
  [114, "EALREADY", "operation already in progress"],
  [115, "EINPROGRESS", "operation in progress"],
  [122, "EDQUOT", "disk quota exceeded"],
];

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENOBUFS = 105;
export const ENOMEM = 12;
export const ENODEV = 19;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOTTY = 25;
export const ENAMETOOLONG = 36;
export const EBADFD = 77;
export const ELIBACC = 79;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const ENETUNREACH = 101;
export const ETIMEDOUT = 110;
export const EADDRNOTAVAIL = 99;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

const byNumber = new Map(TABLE.map((row) => [row[0], row]));

/** "EPERM" for 1; "E133" for a number that is not in the table. */
export function errnoName(errno: number): string {
  return byNumber.get(errno)?.[1] ?? `E${errno}`;
}

/** "operation not permitted" for 1. */
export function errnoWords(errno: number): string {
  return byNumber.get(errno)?.[2] ?? `system error ${errno}`;
}

/** Why a connection ended, or why a call was refused. POSIX names, because every reader knows them. */
export const ERRORS = [
  "OK",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "EPIPE",
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "ENOBUFS",
  "EINVAL",
  "ENOTCONN",
  "EMSGSIZE",
  "EPROTO",
  "ENOPROTOOPT",
  "EHOSTDOWN",
  "EISCONN",
  "EALREADY",
  "EOPNOTSUPP",
  "ENONET",
  "EACCES",
] as const;

/** Why a connection ended, or never opened; "" while there is no reason. */
export type TcpErrorName = (typeof ERRORS)[number];

export const OK = 0;
/** RST in answer to our SYN, or in SYN-RECEIVED reached from SYN-SENT. */
export const ECONNREFUSED = 1;
/** RST on an open connection. */
export const ECONNRESET = 2;
/** R2, the user timeout or keep-alive gave up. */
export const ETIMEDOUT = 3;
/** Reported by ICMP. */
export const EHOSTUNREACH = 4;
export const ENETUNREACH = 5;
/** Ended by our `abort`. */
export const ECONNABORTED = 6;
/** SEND after CLOSE. */
export const EPIPE = 7;
export const EADDRINUSE = 8;
export const EADDRNOTAVAIL = 9;
/** A limit was reached: connections, pages, ports. */
export const ENOBUFS = 10;
export const EINVAL = 11;
export const ENOTCONN = 12;
export const EMSGSIZE = 13;
export const EPROTO = 14;
export const ENOPROTOOPT = 15;
export const EHOSTDOWN = 16;
export const EISCONN = 17;
export const EALREADY = 18;
export const EOPNOTSUPP = 19;
export const ENONET = 20;
export const EACCES = 21;

export function errorName(code: number): TcpErrorName {
  return ERRORS[code] ?? "EPROTO";
}

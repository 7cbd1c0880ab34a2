/** Which error of the socket API an ICMP error is. */
import * as icmp from "#icmp/read-error";
import {
  EACCES,
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "#tcp/words/error";

/** Codes of destination unreachable, and the error reported to the user, as in Linux and the BSDs. */
const ERRORS_4 = Uint8Array.of(
  ENETUNREACH,
  EHOSTUNREACH,
  ENOPROTOOPT,
  ECONNREFUSED,
  EMSGSIZE,
  EOPNOTSUPP,
  ENETUNREACH,
  EHOSTDOWN,
  ENONET,
  ENETUNREACH,
  EHOSTUNREACH,
  ENETUNREACH,
);
const ERRORS_6 = Uint8Array.of(ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES);

/** FreeBSD's error for an ICMP error that is only recorded. */
export function freeBsdSoftError(e: icmp.IcmpError): number {
  return e.kind === icmp.PARAMETER_PROBLEM ? ENOPROTOOPT : EHOSTUNREACH;
}

/** The socket API's error for an ICMP error. */
export function errorOf(e: icmp.IcmpError): number {
  if (e.kind === icmp.PARAMETER_PROBLEM) return EPROTO;
  if (e.kind === icmp.TTL_EXCEEDED || e.kind === icmp.REASSEMBLY_TIME_EXCEEDED) return EHOSTUNREACH;
  // An unrecognized next header is ICMPv6's equivalent of protocol unreachable.
  if (e.kind === icmp.PROTOCOL_UNREACHABLE) return ENOPROTOOPT;
  return (e.family === 4 ? ERRORS_4 : ERRORS_6)[e.code] ?? EHOSTUNREACH;
}

import type { StateName } from "../posix/target.ts";
import { table } from "./table.ts";

/**
 * Constants that only FreeBSD has. Calls compare names, and flags by their bits: a flag has the bit of Linux's flag with the same meaning,
 * or an unused one. Errors and options have numbers that no kernel uses.
 */

const ERRNO = table(`
  EPROCLIM 2067, EBADRPC 2072, ERPCMISMATCH 2073, EPROGUNAVAIL 2074, EPROGMISMATCH 2075, EPROCUNAVAIL 2076, EFTYPE 2079,
  EAUTH 2080, ENEEDAUTH 2081, ENOATTR 2087, EDOOFUS 2088, ENOTCAPABLE 2093, ECAPMODE 2094, EINTEGRITY 2097, ELAST 2097
`);

const OPTIONS = table(`
  SO_USELOOPBACK 2064, SO_NOSIGPIPE 2065, SO_ACCEPTFILTER 2066, SO_BINTIME 2067, SO_NO_OFFLOAD 2068, SO_NO_DDP 2069,
  SO_REUSEPORT_LB 2070, SO_RERROR 2071, SO_LABEL 2072, SO_PEERLABEL 2073, SO_LISTENQLIMIT 2074, SO_LISTENQLEN 2075,
  SO_LISTENINCQLEN 2076, SO_SETFIB 2077, SO_FIB 2078, SO_USER_COOKIE 2079, SO_PROTOTYPE 2080, SO_TS_CLOCK 2081,
  SO_SPLICE 2083,
  TCP_NOOPT 2108, TCP_NOPUSH 2104, TCP_LOGBUF 2134, TCP_LOG 2135, TCP_LOGID 2136, TCP_LOGDUMP 2137,
  TCP_LOGDUMPID 2138, TCP_TXTLS_ENABLE 2139, TCP_TXTLS_MODE 2140, TCP_RXTLS_ENABLE 2141, TCP_RXTLS_MODE 2142,
  TCP_IWND_NB 2143, TCP_IWND_NSEG 2144, TCP_USE_DDP 2145, TCP_LOGID_CNT 2146, TCP_LOG_TAG 2147, TCP_USER_LOG 2148,
  TCP_CCALGOOPT 2165, TCP_MAXUNACKTIME 2168, TCP_MAXPEAKRATE 2169, TCP_IDLE_REDUCE 2170,
  TCP_REMOTE_UDP_ENCAPS_PORT 2171, TCP_DELACK 2172, TCP_FIN_IS_RST 2173, TCP_LOG_LIMIT 2174,
  TCP_SHARED_CWND_ALLOWED 2175, TCP_PROC_ACCOUNTING 2176, TCP_USE_CMP_ACKS 2177, TCP_PERF_INFO 2178, TCP_LRD 2179,
  TCP_KEEPINIT 2228, TCP_FUNCTION_BLK 10292, TCP_FUNCTION_ALIAS 10293, TCP_REUSPORT_LB_NUMA 10294,
  TCP_PCAP_OUT 10295, TCP_PCAP_IN 10296,
  IP_RECVRETOPTS 2106, IP_RECVDSTADDR 2107, IP_SENDSRCADDR 2107, IP_ONESBCAST 2123, IP_BINDANY 2124,
  IP_PORTRANGE 2119, IP_RECVIF 2120, IP_DONTFRAG 2167, IP_FLOWID 2190, IP_FLOWTYPE 2191, IP_RSSBUCKETID 2192,
  IPV6_BINDV6ONLY 2127, IPV6_PORTRANGE 2114, IPV6_BINDANY 2164, IPV6_PREFER_TEMPADDR 2163
`);

const FLAGS = table(`
  MSG_EOF 0x200, FIONWRITE 0x40046677, FIONSPACE 0x40046676
`);

/** netinet/tcp_fsm.h. */
const STATES: Readonly<Record<StateName, readonly [number, ...string[]]>> = {
  CLOSED: [0, "CLOSED"],
  LISTEN: [1, "LISTEN"],
  "SYN-SENT": [2, "SYN_SENT"],
  "SYN-RECEIVED": [3, "SYN_RECEIVED", "SYN_RCVD", "SYN_RECV"],
  ESTABLISHED: [4, "ESTABLISHED"],
  "CLOSE-WAIT": [5, "CLOSE_WAIT"],
  "FIN-WAIT-1": [6, "FIN_WAIT_1", "FIN_WAIT1"],
  CLOSING: [7, "CLOSING"],
  "LAST-ACK": [8, "LAST_ACK"],
  "FIN-WAIT-2": [9, "FIN_WAIT_2", "FIN_WAIT2"],
  "TIME-WAIT": [10, "TIME_WAIT"],
};

/** The number of a state in FreeBSD's tcpi_state. */
export function stateNumber(state: StateName): number {
  return STATES[state][0];
}

/** The state for its name in sockstat, netstat and tcpdrop. */
export function stateOf(word: string): StateName | undefined {
  return (Object.keys(STATES) as StateName[]).find((state) => STATES[state].includes(word));
}

/** The name of a state in sockstat. */
export function stateWord(state: StateName): string {
  return state === "SYN-RECEIVED" ? "SYN_RCVD" : String(STATES[state][1]);
}

const named = (prefixes: readonly string[]): [string, number][] =>
  Object.values(STATES).flatMap(([number, ...names]) =>
    names.flatMap((name) => prefixes.map((prefix) => [`${prefix}${name}`, number] as [string, number])),
  );

const INFO = Object.fromEntries(named(["TCPS_", "TCPI_", "TCPI_STATE_"]));

export const FREEBSD: readonly Readonly<Record<string, number>>[] = [ERRNO, OPTIONS, FLAGS, INFO];

/** Names that both systems have, with FreeBSD's values: needed only to compare numbers, as in tcp_info. */
export const ITS_OWN: ReadonlyMap<string, number> = new Map([
  ...named(["TCP_"]),
  ["TCP_CLOSE", 0],
  ["TCPI_OPT_TOE", 16],
  ["TCPI_OPT_TFO", 32],
  ["TCPI_OPT_ACE", 64],
]);

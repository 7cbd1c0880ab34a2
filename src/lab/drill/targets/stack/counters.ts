import type { Counters } from "#base/counters";
import * as M from "#tcp/words/marks";

/** Linux's names (nstat) of counters that the stack counts in the same way. Any other counter makes a script unsupported. */
const NAMES: Readonly<Record<string, readonly number[]>> = {
  TcpExtTCPTimeouts: [M.TIMER_RTO],
  TcpExtTCPLossProbes: [M.TX_TAIL_PROBE],
  TcpExtTCPFastRetrans: [M.TX_FAST],
  TcpExtTCPOFOQueue: [M.RX_OUT_OF_ORDER],
  TcpExtBeyondWindow: [M.RX_UNACCEPTABLE],
  TcpExtPAWSEstab: [M.RX_PAWS],
  TcpExtTCPChallengeACK: [M.TX_CHALLENGE],
  TcpExtTCPSYNChallenge: [M.RX_SYN_CHALLENGED],
  TcpExtTCPDeferAcceptDrop: [M.RX_DEFERRED],
  TcpExtTCPKeepAlive: [M.TX_KEEPALIVE],
  TcpExtSyncookiesSent: [M.TX_COOKIE],
  TcpExtSyncookiesRecv: [M.RX_COOKIE],
  TcpExtTCPFastOpenPassive: [M.FAST_OPEN_ACCEPTED],
  TcpExtTCPFastOpenPassiveFail: [M.FAST_OPEN_WRONG],
  TcpExtTCPFastOpenCookieReqd: [M.FAST_OPEN_ASKED],
  TcpExtTCPFastOpenListenOverflow: [M.FAST_OPEN_LIMIT],
  TcpExtOutOfWindowIcmps: [M.ICMP_STALE],
  TcpInCsumErrors: [M.RX_BAD_CHECKSUM],
};

export function linuxCounters(counters: Counters): Record<string, number> {
  const sum = (marks: readonly number[]) => marks.reduce((all, mark) => all + counters.get(mark), 0);
  return Object.fromEntries(Object.entries(NAMES).map(([name, marks]) => [name, sum(marks)]));
}

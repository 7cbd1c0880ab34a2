import { expect, test } from "bun:test";
import { countersIn } from "#lab/drill/targets/kernel/counters";

test("counters have the names that nstat gives them", () => {
  const text = "Tcp: RtoMin MaxConn\nTcp: 200 -1\nTcpExt: SyncookiesSent TCPOFOQueue\nTcpExt: 0 7\n";
  expect(countersIn(text)).toEqual({ TcpRtoMin: 200, TcpMaxConn: -1, TcpExtSyncookiesSent: 0, TcpExtTCPOFOQueue: 7 });
  expect(countersIn("Ip6InReceives                   \t9\nIcmp6OutMsgs \t2\n")).toEqual({
    Ip6InReceives: 9,
    Icmp6OutMsgs: 2,
  });
  expect(countersIn("")).toEqual({});
});

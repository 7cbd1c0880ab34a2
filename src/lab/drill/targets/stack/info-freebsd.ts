import { nextExpected, nextToSend } from "#stack/connection";
import type { Stack } from "#stack/stack";
import type { TcpParams } from "#tcp/words/params";
import type { Tcb } from "#tcp/words/tcb";
import { stateNumber } from "../../constants/freebsd.ts";

/** FreeBSD's tcp_info: FreeBSD's state numbers, and windows in octets, which Linux counts in segments. */

const NO_WINDOW = 65_535 << 14;
const ECN = 8;
const FAST_OPEN = 32;

export function freeBsdInfo(stack: Stack, tcb: Tcb, now: number): Readonly<Record<string, number>> {
  const i = stack.info(tcb);
  const fast = i.synData || i.fastOpenAccepted;
  const options = Number(i.timestamps) | (2 * Number(i.sack)) | (4 * Number(i.sndWscale >= 0));
  return {
    tcpi_state: stateNumber(i.state),
    tcpi_options: options | (i.ecn ? ECN : 0) | (fast ? FAST_OPEN : 0),
    tcpi_snd_wscale: Math.max(0, i.sndWscale),
    tcpi_rcv_wscale: Math.max(0, i.rcvWscale),
    tcpi_rto: i.rto,
    tcpi_snd_mss: i.mssBase,
    tcpi_rcv_mss: i.mssBase,
    tcpi_last_data_recv: Math.floor(now - Math.max(i.lastReceivedAt, i.openedAt)),
    tcpi_rtt: i.rtt,
    tcpi_rttvar: i.rttvar,
    tcpi_snd_ssthresh: Math.min(i.ssthresh, NO_WINDOW),
    tcpi_snd_cwnd: i.cwnd,
    tcpi_rcv_space: i.offeredLeft,
    tcpi_snd_wnd: i.sndWnd,
    tcpi_snd_bwnd: 0,
    tcpi_snd_nxt: nextToSend(tcb),
    tcpi_rcv_nxt: nextExpected(tcb),
    tcpi_toe_tid: 0,
    tcpi_snd_rexmitpack: i.retransTotal,
    tcpi_rcv_ooopack: i.outOfOrderReceived,
  };
}

/** tcp_info of a socket without a connection. */
export function freeBsdSocketInfo(params: Readonly<TcpParams>, listens: boolean): Readonly<Record<string, number>> {
  return {
    tcpi_state: stateNumber(listens ? "LISTEN" : "CLOSED"),
    tcpi_options: 0,
    tcpi_snd_wscale: 0,
    tcpi_rcv_wscale: 0,
    tcpi_rto: params.retransmitting.rtoInitial,
    tcpi_snd_mss: params.opening.mssDefault || 536,
    tcpi_rcv_mss: params.opening.mssDefault || 536,
    tcpi_rtt: 0,
    tcpi_rttvar: 250_000,
    tcpi_snd_ssthresh: NO_WINDOW,
    tcpi_snd_cwnd: NO_WINDOW,
    tcpi_snd_wnd: 0,
    tcpi_snd_bwnd: 0,
    tcpi_toe_tid: 0,
    tcpi_snd_rexmitpack: 0,
    tcpi_rcv_ooopack: 0,
  };
}

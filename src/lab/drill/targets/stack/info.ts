import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import type { TcpParams } from "#tcp/words/params";
import type { Tcb } from "#tcp/words/tcb";
import { symbol } from "../../constants/symbols.ts";
import type { StateName } from "../../posix/target.ts";

/**
 * Linux's tcp_info, field by field and in its units: segments for windows and the scoreboard, microseconds for round trips and the RTO,
 * milliseconds for "last". A field that the engine does not have is omitted: a script that reads it is unsupported.
 * @param ecnSeen whether a packet of the peer had an ECN codepoint
 */
export function tcpInfo(stack: Stack, tcb: Tcb, ecnSeen: boolean, now: number): Readonly<Record<string, number>> {
  const i = stack.info(tcb, now);
  const synchronized = !/^(SYN-.*|CLOSED|LISTEN)$/.test(i.state);
  const millisecondsSince = (time: number) => Math.floor((now - Math.max(time, i.openedAt)) / 1_000);
  const segments = (octets: number) => Math.floor(octets / i.mss);
  // A FIN counts as an octet, even after an RST has ended the connection.
  const finReceived = Number(i.finReceived);
  const finAcknowledged = Number(i.finAcked);
  return {
    tcpi_state: LINUX_STATES[i.state]!,
    tcpi_ca_state: ["open", "disorder", "cwr", "recovery", "loss"].indexOf(i.phase),
    tcpi_retransmits: i.backoff,
    tcpi_probes: i.probes,
    tcpi_backoff: i.rtoBackoff,
    tcpi_options: optionBits(i, ecnSeen),
    tcpi_fastopen_client_fail: FAST_OPEN_FAILURES.indexOf(i.fastOpenFailure),
    tcpi_snd_wscale: Math.max(0, i.sndWscale),
    tcpi_rcv_wscale: Math.max(0, i.rcvWscale),
    tcpi_rto: i.rto,
    tcpi_snd_mss: i.mss,
    tcpi_rcv_mss: i.rcvMss,
    tcpi_advmss: i.announcedMss - (i.timestamps ? 12 : 0),
    // Segments in flight, by their state.
    tcpi_unacked: i.packetsOut,
    tcpi_sacked: i.sackedOut,
    tcpi_lost: i.lostOut,
    tcpi_retrans: i.retransOut,
    // Linux no longer counts it since FACK was removed, and reports 0.
    tcpi_fackets: 0,
    // Linux does not record it.
    tcpi_last_ack_sent: 0,
    tcpi_last_data_sent: millisecondsSince(i.lastSentAt),
    tcpi_last_data_recv: millisecondsSince(i.lastReceivedAt),
    tcpi_last_ack_recv: millisecondsSince(i.lastAckAt),
    tcpi_pmtu: stack.pathMtu.get(tcb.remote.a, tcb.remote.b, tcb.remote.c, tcb.remote.d, now),
    tcpi_rtt: i.rtt,
    tcpi_rttvar: i.rttvar,
    tcpi_min_rtt: i.minRtt > 0 ? i.minRtt : 0xffffffff,
    tcpi_snd_ssthresh: i.ssthresh >= 0x7fffffff ? 0x7fffffff : segments(i.ssthresh),
    tcpi_snd_cwnd: segments(i.cwnd),
    tcpi_reordering: i.reordering,
    tcpi_rcv_rtt: i.rcvRtt,
    tcpi_total_retrans: i.retransTotal,
    // Linux counts the sequence numbers of SYN and FIN as octets.
    tcpi_bytes_acked: i.bytesAcked + Number(!i.passive && synchronized) + finAcknowledged,
    tcpi_bytes_received: i.bytesReceived + finReceived,
    tcpi_bytes_sent: i.bytesSent + i.bytesRetrans,
    tcpi_bytes_retrans: i.bytesRetrans,
    // Linux does not count the SYN,ACK for the connection, but counts the SYN that it answers.
    ...(i.passive && i.retransTotal > 0 ? {} : { tcpi_segs_out: i.segsOut - Number(i.passive) }),
    tcpi_segs_in: i.segsIn + Number(i.passive),
    tcpi_data_segs_out: i.dataSegsOut,
    tcpi_data_segs_in: i.dataSegsIn,
    tcpi_notsent_bytes: i.notSent,
    tcpi_snd_wnd: i.sndWnd,
    tcpi_rcv_wnd: i.offeredWnd,
    tcpi_rcv_ooopack: i.outOfOrderReceived,
    tcpi_total_rto: i.timeouts,
    // The SYN or SYN,ACK is counted as well.
    tcpi_delivered: i.delivered + Number(synchronized || i.openedAt > 0),
    tcpi_delivered_ce: i.deliveredCe,
    tcpi_dsack_dups: i.dsackDups,
    tcpi_reord_seen: i.reordSeen,
    tcpi_busy_time: i.busyTime,
    tcpi_rwnd_limited: i.rwndLimited,
    tcpi_sndbuf_limited: i.sndbufLimited,
    ...rates(i, tcb.params),
    ...(i.state === "SYN-SENT" ? opening(i, tcb.params) : {}),
  };
}

function rates(i: TcpInfo, { pacingRateMax }: Readonly<TcpParams>): Readonly<Record<string, number>> {
  return {
    tcpi_pacing_rate: i.pacingRate,
    tcpi_max_pacing_rate: Number.isFinite(pacingRateMax) ? pacingRateMax : PACING_RATE_MAX,
    tcpi_delivery_rate: i.deliveryRate,
    tcpi_delivery_rate_app_limited: Number(i.deliveryRateAppLimited),
    ...bbrInfo(i),
  };
}

/** TCP_CC_INFO of BBR (struct tcp_bbr_info): gains in 256ths. */
function bbrInfo({ congestionControl, control }: TcpInfo): Readonly<Record<string, number>> {
  if (congestionControl !== "bbr1") return {};
  const { bandwidth, minRtt, pacingGain, cwndGain } = control as Record<string, number>;
  return {
    bbr_bw_lo: bandwidth! % 2 ** 32,
    bbr_bw_hi: Math.floor(bandwidth! / 2 ** 32),
    bbr_min_rtt: Number.isFinite(minRtt) ? minRtt! : 0xffffffff,
    bbr_pacing_gain: pacingGain! * 256,
    bbr_cwnd_gain: cwndGain! * 256,
  };
}

/** Linux's "no limit": all bits set. */
const PACING_RATE_MAX = 2 ** 64;

/** Indexed by the values of tcpi_fastopen_client_fail. */
const FAST_OPEN_FAILURES: readonly string[] = ["", "no-cookie", "not-taken", "syn-resent"];

/** TCPI_OPT_* bits, from the lowest bit. */
function optionBits(i: TcpInfo, ecnSeen: boolean): number {
  const scaled = i.sndWscale >= 0;
  const options = [i.timestamps, i.sack, scaled, i.ecn, ecnSeen && i.ecn, i.synData, false, i.fastOpenAccepted];
  return options.reduce((bits, on, n) => bits | (Number(on) << n), 0);
}

/** tcp_info of a socket without a connection: defaults; for a listener also its queue, in two fields with other names. */
export function socketInfo(
  params: Readonly<TcpParams>,
  listening: { readonly waiting: number; readonly backlog: number } | undefined,
): Readonly<Record<string, number>> {
  const zeros = Object.fromEntries(ZERO_AT_FIRST.map((name) => [name, 0]));
  const both = { tcpi_snd_cwnd: 10, tcpi_reordering: params.retransmitting.dupThresh };
  if (listening)
    return {
      ...zeros,
      ...both,
      tcpi_state: symbol("TCP_LISTEN")!,
      tcpi_unacked: listening.waiting,
      tcpi_sacked: listening.backlog,
    };
  return {
    ...zeros,
    ...both,
    tcpi_state: symbol("TCP_CLOSE")!,
    tcpi_rto: params.retransmitting.rtoInitial,
    tcpi_snd_mss: 536,
    tcpi_rttvar: 250_000,
    tcpi_snd_ssthresh: 0x7fffffff,
    tcpi_min_rtt: 0xffffffff,
  };
}

const ZERO_AT_FIRST =
  `tcpi_ca_state tcpi_retransmits tcpi_probes tcpi_backoff tcpi_options tcpi_snd_wscale tcpi_rcv_wscale
  tcpi_fastopen_client_fail tcpi_rto tcpi_ato tcpi_snd_mss tcpi_rcv_mss tcpi_unacked tcpi_sacked tcpi_lost tcpi_retrans
  tcpi_fackets tcpi_last_ack_sent tcpi_pmtu tcpi_rcv_ssthresh tcpi_rtt tcpi_rttvar tcpi_snd_ssthresh tcpi_advmss
  tcpi_rcv_rtt tcpi_rcv_space tcpi_total_retrans tcpi_bytes_acked tcpi_bytes_received tcpi_segs_out tcpi_segs_in
  tcpi_notsent_bytes tcpi_min_rtt tcpi_data_segs_in tcpi_data_segs_out tcpi_delivery_rate tcpi_busy_time
  tcpi_rwnd_limited tcpi_sndbuf_limited tcpi_delivered tcpi_delivered_ce tcpi_bytes_sent tcpi_bytes_retrans
  tcpi_dsack_dups tcpi_reord_seen tcpi_rcv_ooopack tcpi_snd_wnd tcpi_rcv_wnd tcpi_rehash tcpi_total_rto
  tcpi_total_rto_recoveries tcpi_total_rto_time`
    .trim()
    .split(/\s+/);

/** What Linux reports before the peer has answered: defaults, and a retransmitted SYN. */
function opening(i: TcpInfo, params: Readonly<TcpParams>): Readonly<Record<string, number>> {
  const again = Number(i.backoff > 0);
  const { congestionControl, timestamps, growing } = params;
  return {
    tcpi_ca_state: 4 * again,
    tcpi_snd_mss: Math.min(i.announcedMss, 536) - (timestamps ? 12 : 0),
    tcpi_rcv_mss: 88,
    tcpi_rttvar: 250_000,
    tcpi_unacked: 1,
    tcpi_lost: again,
    tcpi_retrans: again,
    tcpi_snd_cwnd: again ? 1 : growing.initialWindow,
    tcpi_snd_ssthresh: again
      ? Math.floor(growing.initialWindow * (congestionControl === "cubic" ? 0.7 : 0.5))
      : 0x7fffffff,
  };
}

const LINUX_STATES: Readonly<Record<StateName, number>> = {
  ESTABLISHED: symbol("TCP_ESTABLISHED")!,
  "SYN-SENT": symbol("TCP_SYN_SENT")!,
  "SYN-RECEIVED": symbol("TCP_SYN_RECV")!,
  "FIN-WAIT-1": symbol("TCP_FIN_WAIT1")!,
  "FIN-WAIT-2": symbol("TCP_FIN_WAIT2")!,
  // The socket is detached from the connection in this state.
  "TIME-WAIT": symbol("TCP_CLOSE")!,
  CLOSED: symbol("TCP_CLOSE")!,
  "CLOSE-WAIT": symbol("TCP_CLOSE_WAIT")!,
  "LAST-ACK": symbol("TCP_LAST_ACK")!,
  LISTEN: symbol("TCP_LISTEN")!,
  CLOSING: symbol("TCP_CLOSING")!,
};

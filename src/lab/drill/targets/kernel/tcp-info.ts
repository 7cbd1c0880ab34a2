/** struct tcp_info of linux/tcp.h: offset and width (bits) of each field. Later kernels only append fields. */
const FIELDS: readonly (readonly [string, number, 8 | 16 | 32 | 64])[] = [
  ["tcpi_state", 0, 8],
  ["tcpi_ca_state", 1, 8],
  ["tcpi_retransmits", 2, 8],
  ["tcpi_probes", 3, 8],
  ["tcpi_backoff", 4, 8],
  ["tcpi_options", 5, 8],
  ["tcpi_rto", 8, 32],
  ["tcpi_ato", 12, 32],
  ["tcpi_snd_mss", 16, 32],
  ["tcpi_rcv_mss", 20, 32],
  ["tcpi_unacked", 24, 32],
  ["tcpi_sacked", 28, 32],
  ["tcpi_lost", 32, 32],
  ["tcpi_retrans", 36, 32],
  ["tcpi_fackets", 40, 32],
  ["tcpi_last_data_sent", 44, 32],
  ["tcpi_last_ack_sent", 48, 32],
  ["tcpi_last_data_recv", 52, 32],
  ["tcpi_last_ack_recv", 56, 32],
  ["tcpi_pmtu", 60, 32],
  ["tcpi_rcv_ssthresh", 64, 32],
  ["tcpi_rtt", 68, 32],
  ["tcpi_rttvar", 72, 32],
  ["tcpi_snd_ssthresh", 76, 32],
  ["tcpi_snd_cwnd", 80, 32],
  ["tcpi_advmss", 84, 32],
  ["tcpi_reordering", 88, 32],
  ["tcpi_rcv_rtt", 92, 32],
  ["tcpi_rcv_space", 96, 32],
  ["tcpi_total_retrans", 100, 32],
  ["tcpi_pacing_rate", 104, 64],
  ["tcpi_max_pacing_rate", 112, 64],
  ["tcpi_bytes_acked", 120, 64],
  ["tcpi_bytes_received", 128, 64],
  ["tcpi_segs_out", 136, 32],
  ["tcpi_segs_in", 140, 32],
  ["tcpi_notsent_bytes", 144, 32],
  ["tcpi_min_rtt", 148, 32],
  ["tcpi_data_segs_in", 152, 32],
  ["tcpi_data_segs_out", 156, 32],
  ["tcpi_delivery_rate", 160, 64],
  ["tcpi_busy_time", 168, 64],
  ["tcpi_rwnd_limited", 176, 64],
  ["tcpi_sndbuf_limited", 184, 64],
  ["tcpi_delivered", 192, 32],
  ["tcpi_delivered_ce", 196, 32],
  ["tcpi_bytes_sent", 200, 64],
  ["tcpi_bytes_retrans", 208, 64],
  ["tcpi_dsack_dups", 216, 32],
  ["tcpi_reord_seen", 220, 32],
  ["tcpi_rcv_ooopack", 224, 32],
  ["tcpi_snd_wnd", 228, 32],
  ["tcpi_rcv_wnd", 232, 32],
  ["tcpi_rehash", 236, 32],
  ["tcpi_total_rto", 240, 16],
  ["tcpi_total_rto_recoveries", 242, 16],
  ["tcpi_total_rto_time", 244, 32],
];

/** More than the size in any kernel. */
export const TCP_INFO_MAX = 512;
const WINDOW_SCALES = 6;
/** One bit for application-limited delivery, two for why Fast Open failed. */
const FLAGS = 7;

/** The fields that this kernel has filled in, by name. */
export function tcpInfoOf(bytes: Uint8Array): Readonly<Record<string, number>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const info: Record<string, number> = {};
  for (const [name, offset, bits] of FIELDS) {
    if (offset + bits / 8 > bytes.length) break;
    info[name] =
      bits === 64
        ? Number(view.getBigUint64(offset, true))
        : bits === 32
          ? view.getUint32(offset, true)
          : bits === 16
            ? view.getUint16(offset, true)
            : view.getUint8(offset);
  }
  const scales = view.getUint8(WINDOW_SCALES);
  return {
    ...info,
    tcpi_snd_wscale: scales & 15,
    tcpi_rcv_wscale: scales >> 4,
    tcpi_delivery_rate_app_limited: view.getUint8(FLAGS) & 1,
    tcpi_fastopen_client_fail: (view.getUint8(FLAGS) >> 1) & 3,
  };
}

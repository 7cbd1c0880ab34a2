import type { Profile } from "../posix/target.ts";

/** Values of sysctls before a script changes them: Linux 6.18's, and FreeBSD 14's. */

function table(text: string): ReadonlyMap<string, string> {
  const lines = text.trim().split("\n");
  return new Map(
    lines
      .flatMap((line) => line.split(";"))
      .map((pair) => {
        const [name, value = ""] = pair.trim().split("=");
        return [name!, value] as const;
      }),
  );
}

const LINUX4 = table(`
  tcp_abort_on_overflow=0; tcp_adv_win_scale=1; tcp_app_win=31; tcp_autocorking=1; tcp_backlog_ack_defer=1
  tcp_base_mss=1024; tcp_challenge_ack_limit=2147483647; tcp_child_ehash_entries=0; tcp_comp_sack_delay_ns=1000000
  tcp_comp_sack_nr=44; tcp_comp_sack_slack_ns=100000; tcp_congestion_control=cubic; tcp_dsack=1; tcp_early_demux=1
  tcp_early_retrans=3; tcp_ecn=2; tcp_ecn_fallback=1; tcp_ecn_option=2; tcp_ecn_option_beacon=3; tcp_fack=0
  tcp_fastopen=1; tcp_fastopen_blackhole_timeout_sec=0; tcp_fastopen_key=00000000-00000000-00000000-00000000
  tcp_fin_timeout=60; tcp_frto=2; tcp_fwmark_accept=0; tcp_invalid_ratelimit=500; tcp_keepalive_intvl=75
  tcp_keepalive_probes=9; tcp_keepalive_time=7200; tcp_l3mdev_accept=0; tcp_limit_output_bytes=4194304
  tcp_max_reordering=300; tcp_migrate_req=0; tcp_min_rtt_wlen=300; tcp_min_snd_mss=48; tcp_min_tso_segs=2
  tcp_moderate_rcvbuf=1; tcp_mtu_probe_floor=48; tcp_mtu_probing=0; tcp_no_metrics_save=0
  tcp_no_ssthresh_metrics_save=1; tcp_notsent_lowat=4294967295; tcp_orphan_retries=0; tcp_pacing_ca_ratio=120
  tcp_pacing_ss_ratio=200; tcp_pingpong_thresh=1; tcp_plb_enabled=0; tcp_probe_interval=600; tcp_probe_threshold=8
  tcp_recovery=1; tcp_reflect_tos=0; tcp_reordering=3; tcp_retrans_collapse=1; tcp_retries1=3; tcp_retries2=15
  tcp_rfc1337=0; tcp_rmem=4096 131072 15728640; tcp_rto_max_ms=120000; tcp_rto_min_us=200000; tcp_sack=1
  tcp_shrink_window=0; tcp_slow_start_after_idle=1; tcp_stdurg=0; tcp_syn_linear_timeouts=4; tcp_syn_retries=6
  tcp_synack_retries=5; tcp_syncookies=1; tcp_thin_linear_timeouts=0; tcp_timestamps=1; tcp_tso_rtt_log=9
  tcp_tso_win_divisor=3; tcp_tw_reuse=2; tcp_tw_reuse_delay=1000; tcp_window_scaling=1; tcp_wmem=4096 16384 4194304
  tcp_workaround_signed_windows=0; ip_no_pmtu_disc=0; ip_default_ttl=64; icmp_echo_ignore_all=0
  icmp_echo_ignore_broadcasts=1; icmp_msgs_burst=50; icmp_msgs_per_sec=1000; icmp_ratelimit=1000; icmp_ratemask=6168
`);

const FREEBSD = table(`
  kern.ipc.maxsockbuf=2097152; net.inet.tcp.rfc1323=1; net.inet.tcp.sack.enable=1; net.inet.tcp.ecn.enable=2
  net.inet.tcp.ecn.maxretries=1; net.inet.tcp.recvspace=65536; net.inet.tcp.sendspace=32768
  net.inet.tcp.insecure_rst=0; net.inet.tcp.insecure_syn=0; net.inet.tcp.insecure_ack=0; net.inet.tcp.blackhole=0
  net.inet.tcp.drop_synfin=0; net.inet.tcp.syncookies=1; net.inet.tcp.syncookies_only=0; net.inet.tcp.icmp_may_rst=1
  net.inet.tcp.keepidle=7200000; net.inet.tcp.keepintvl=75000; net.inet.tcp.keepcnt=8; net.inet.tcp.keepinit=75000
  net.inet.tcp.always_keepalive=1; net.inet.tcp.delayed_ack=1; net.inet.tcp.delacktime=100
  net.inet.tcp.rexmit_initial=1000; net.inet.tcp.rexmit_min=30; net.inet.tcp.rexmit_slop=200
  net.inet.tcp.rexmit_drop_options=0; net.inet.tcp.retries=12; net.inet.tcp.rfc3042=1; net.inet.tcp.rfc3390=1
  net.inet.tcp.rfc3465=1; net.inet.tcp.abc_l_var=2; net.inet.tcp.mssdflt=536; net.inet.tcp.v6mssdflt=1220
  net.inet.tcp.minmss=216; net.inet.tcp.path_mtu_discovery=1; net.inet.tcp.pmtud_blackhole_detection=0
  net.inet.tcp.tolerate_missing_ts=0; net.inet.tcp.initcwnd_segments=10; net.inet.tcp.msl=30000
  net.inet.tcp.finwait2_timeout=60000; net.inet.tcp.fast_finwait2_recycle=0; net.inet.tcp.tso=1
  net.inet.tcp.cc.algorithm=cubic; net.inet.tcp.functions_default=freebsd; net.inet.tcp.hostcache.enable=1
  net.inet.tcp.hostcache.purgenow=0; net.inet.tcp.syncache.rexmtlimit=3; net.inet.tcp.fastopen.client_enable=1
  net.inet.tcp.fastopen.server_enable=0; net.inet.tcp.fastopen.acceptany=0
`);

/** Undefined: unknown. */
export function sysctlDefault(name: string, profile: Profile): string | undefined {
  if (profile === "freebsd") return FREEBSD.get(name);
  return name.startsWith("net.ipv4.") ? LINUX4.get(name.slice("net.ipv4.".length)) : undefined;
}

import { type Setting, set } from "./setting.ts";

/** sysctls, Linux's and FreeBSD's, as settings of the stack. */

export type Reader = (value: string) => Setting[] | undefined;

/** A whole number, times `unit` (for example to microseconds). */
const number =
  (name: string, unit = 1): Reader =>
  (text) =>
    /^(-?\d+|0[xX][\da-fA-F]+)$/.test(text) ? [set(name, Number(text) * unit)] : undefined;
const flag =
  (name: string, inverted = false): Reader =>
  (text) =>
    /^[0-9]$/.test(text) ? [set(name, (text !== "0") !== inverted)] : undefined;
const word =
  (name: string): Reader =>
  (text) => [set(name, text)];
/**
 * Settings that do not affect packets: batching below the engine, the machine's own limits, pacing (used only by BBR), and what is
 * remembered between connections.
 */
const nothing: Reader = () => [];
/** Accepts only the values with which the setting matches what the stack does anyway. */
const only =
  (...values: readonly string[]): Reader =>
  (text) =>
    values.includes(text) ? [] : undefined;
/** Limits that no script reaches, if they are at least this high. */
const atLeast =
  (least: number): Reader =>
  (text) =>
    /^\d+$/.test(text) && Number(text) >= least ? [] : undefined;
/** "min default max" of a buffer. Linux counts overhead: half of a receive buffer is for the window. */
const buffer =
  (name: string, maximum: string, share: number): Reader =>
  (text) => {
    const sizes = text.split(/[\s,]+/).map(Number);
    if (sizes.length !== 3 || sizes.some((n) => !Number.isInteger(n) || n < 0)) return undefined;
    return [set(name, Math.floor(sizes[1]! * share)), set(maximum, sizes[2]!)];
  };
const rfc1323: Reader = (text) => {
  if (!/^[0-3]$/.test(text)) return undefined;
  return [set("windowScale", text === "1" || text === "2"), set("timestamps", text === "1" || text === "3")];
};
/** 0 would prevent all writes; all ones means no limit. */
const lowWater: Reader = (text) => {
  const mark = /^(-1|0|4294967295)$/.test(text) ? 0 : Number(text);
  return text === "0" || !Number.isInteger(mark) || mark < 0 ? undefined : [set("notSentLowWater", mark)];
};
/** TLP is on with 3 and 4. The smaller values were for early retransmit, which Linux no longer has. */
const earlyRetransmit: Reader = (text) =>
  /^[0-4]$/.test(text) ? [set("tailLossProbe", text === "3" || text === "4")] : undefined;
const MS = 1_000;
const S = 1_000_000;

/** net.ipv4.conf.tun0.NAME, net.ipv6.conf.all.NAME: settings of a device that do not affect TCP packets. */
const OF_A_DEVICE: ReadonlySet<string> = new Set(
  `rp_filter accept_local accept_redirects accept_source_route accept_ra accept_dad arp_ignore arp_announce arp_filter
   send_redirects secure_redirects forwarding log_martians route_localnet disable_policy disable_xfrm autoconf dad_transmits
   router_solicitations use_tempaddr optimistic_dad use_optimistic`.split(/\s+/),
);

/** The reader of a sysctl's value; undefined: an unknown name. */
export function sysctlReader(name: string): Reader | undefined {
  const [, ofDevice = ""] = /^net\.ipv[46]\.conf\.\w+\.(\w+)$/.exec(name) ?? [];
  if (ofDevice === "disable_ipv6") return only("0");
  return OF_A_DEVICE.has(ofDevice) ? nothing : SYSCTLS.get(name);
}

/** FreeBSD's own tables, logs, statistics and limits. */
const FREEBSD_INDIFFERENT: readonly string[] = [
  ...`bb.log_auto_all bb.log_auto_mode bb.log_auto_ratio bb.log_session_limit do_tcpdrain functions_inherit_listen_socket_stack
    fast_finwait2_recycle_count isn_reseed_interval log_debug log_in_vain logs maxtcptw map_limit per_cpu_timers
    pacing_count pcbcount reass.cursegments reass.maxqueuelen reass.maxsegments reass.queueguard recvbuf_auto recvbuf_inc
    recvbuf_max sack.globalmaxholes sack.maxholes sendbuf_auto sendbuf_auto_lowat sendbuf_inc sendbuf_max
    soreceive_stream syncache.bucketlimit syncache.cachelimit syncache.hashsize syncache.count syncache.see_other
    tcp_require_unique_port ts_offset_per_conn hostcache.bucketlimit hostcache.cachelimit hostcache.expire
    hostcache.hashsize hostcache.prune hostcache.count cc.available splice.receive_split_limit ktlslist_locking_info
    switch_to_ifnet_tls`
    .split(/\s+/)
    .map((name) => `net.inet.tcp.${name}`),
  ..."icmplim icmplim_output icmplim_jitter log_redirect drop_redirect"
    .split(" ")
    .map((name) => `net.inet.icmp.${name}`),
  ..."random_id rfc6864 portrange.first portrange.last portrange.randomized portrange.hifirst portrange.hilast forwarding redirect"
    .split(" ")
    .map((name) => `net.inet.ip.${name}`),
  ..."recvspace maxdgram checksum log_in_vain".split(" ").map((name) => `net.inet.udp.${name}`),
  ..."errppslimit nodeinfo rediraccept".split(" ").map((name) => `net.inet6.icmp6.${name}`),
  ..."kern.ipc.nmbclusters kern.ipc.maxsockets kern.ipc.soreceive_stream kern.hz kern.eventtimer.periodic".split(" "),
];

/** Settings supported only with FreeBSD's default value. */
const FREEBSD_AS_IT_IS: Readonly<Record<string, string>> = {
  "net.inet.tcp.do_prr": "1",
  "net.inet.tcp.newcwv": "0",
  "net.inet.tcp.maxunacktime": "0",
  "net.inet.tcp.progressdropcnt": "0",
  "net.inet.tcp.udp_tunneling_port": "0",
  "net.inet.tcp.udp_tunneling_overhead": "8",
  "net.inet.tcp.ecn.generalized": "0",
  "net.inet.tcp.cc.abe": "0",
  "net.inet.tcp.rfc6675_pipe": "1",
  "net.inet.tcp.sack.revised": "1",
  "net.inet.tcp.syncache.rst_on_sock_fail": "1",
  "net.inet.tcp.pmtud_blackhole_activated": "0",
  "net.inet.tcp.path_mtu_discovery_v6": "1",
};

/** sysctl names, Linux's and FreeBSD's, and their meaning for the engine: TcpParams, or words of targets/stack/settings.ts. */
const SYSCTLS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["net.ipv4.tcp_sack", flag("sack")],
  ["net.ipv4.tcp_dsack", flag("dsack")],
  ["net.ipv4.tcp_fack", nothing],
  ["net.ipv4.tcp_timestamps", flag("timestamps")],
  ["net.ipv4.tcp_window_scaling", flag("windowScale")],
  ["net.ipv4.tcp_ecn", number("ecn")],
  ["net.ipv4.tcp_ecn_fallback", flag("ecnFallback")],
  ["net.ipv4.tcp_congestion_control", word("congestionControl")],
  ["net.ipv4.tcp_slow_start_after_idle", flag("slowStartAfterIdle")],
  ["net.ipv4.tcp_rmem", buffer("receiveBuffer", "receiveBufferMax", 0.5)],
  ["net.ipv4.tcp_wmem", buffer("sendBuffer", "sendBufferMax", 1)],
  ["net.ipv4.tcp_syn_retries", number("retriesSyn")],
  ["net.ipv4.tcp_synack_retries", number("retriesSynAck")],
  ["net.ipv4.tcp_syn_linear_timeouts", number("linearSynTimeouts")],
  ["net.ipv4.tcp_retries1", number("retriesR1")],
  ["net.ipv4.tcp_retries2", number("retriesR2")],
  ["net.ipv4.tcp_orphan_retries", number("retriesOrphan")],
  ["net.ipv4.tcp_fin_timeout", number("finWait2", S)],
  ["net.ipv4.tcp_keepalive_time", number("keepAliveIdle", S)],
  ["net.ipv4.tcp_keepalive_intvl", number("keepAliveInterval", S)],
  ["net.ipv4.tcp_keepalive_probes", number("keepAliveCount")],
  ["net.ipv4.tcp_reordering", number("dupThresh")],
  ["net.ipv4.tcp_max_reordering", number("dupThreshMax")],
  ["net.ipv4.tcp_early_retrans", earlyRetransmit],
  ["net.ipv4.tcp_recovery", number("rack")],
  ["net.ipv4.tcp_frto", number("frto")],
  ["net.ipv4.tcp_fastopen", number("fastOpen")],
  ["net.ipv4.tcp_fastopen_key", word("fastOpenKey")],
  ["net.ipv4.tcp_fastopen_blackhole_timeout_sec", number("fastOpenPause", S)],
  ["net.ipv4.tcp_syncookies", number("syncookies")],
  ["net.ipv4.tcp_mtu_probing", number("mtuProbing")],
  ["net.ipv4.route.min_pmtu", number("pathMtuFloor")],
  // MTU probing is not supported: only the default values.
  ["net.ipv4.tcp_base_mss", only("1024")],
  ["net.ipv4.tcp_mtu_probe_floor", only("48")],
  ["net.ipv4.tcp_probe_interval", only("600")],
  ["net.ipv4.tcp_probe_threshold", only("8")],
  ["net.ipv4.tcp_min_snd_mss", only("48")],
  ["net.ipv4.tcp_min_tso_segs", number("superSegmentMin")],
  ["net.ipv4.tcp_tso_win_divisor", only("3")],
  ["net.ipv4.tcp_tso_rtt_log", only("9")],
  ["net.ipv4.tcp_no_metrics_save", nothing],
  ["net.ipv4.tcp_no_ssthresh_metrics_save", nothing],
  ["net.ipv4.tcp_moderate_rcvbuf", flag("receiveBufferTuning")],
  ["net.ipv4.tcp_adv_win_scale", only("1")],
  ["net.ipv4.tcp_app_win", only("31")],
  ["net.ipv4.tcp_abort_on_overflow", flag("abortOnOverflow")],
  ["net.ipv4.tcp_rfc1337", flag("rfc1337")],
  ["net.ipv4.tcp_tw_reuse", nothing],
  ["net.ipv4.tcp_max_tw_buckets", atLeast(64)],
  ["net.ipv4.tcp_max_syn_backlog", atLeast(64)],
  ["net.ipv4.tcp_max_orphans", atLeast(64)],
  ["net.ipv4.tcp_invalid_ratelimit", number("invalidAckInterval", MS)],
  ["net.ipv4.tcp_challenge_ack_limit", number("challengeAckLimit")],
  ["net.ipv4.tcp_limit_output_bytes", nothing],
  ["net.ipv4.tcp_notsent_lowat", lowWater],
  ["net.ipv4.tcp_pacing_ss_ratio", only("200")],
  ["net.ipv4.tcp_pacing_ca_ratio", only("120")],
  ["net.ipv4.tcp_min_rtt_wlen", only("300")],
  ["net.ipv4.tcp_retrans_collapse", flag("collapseRetransmissions")],
  ["net.ipv4.tcp_autocorking", nothing],
  ["net.ipv4.tcp_low_latency", nothing],
  ["net.ipv4.tcp_early_demux", nothing],
  ["net.ipv4.tcp_thin_linear_timeouts", flag("thinLinearTimeouts")],
  ["net.ipv4.tcp_shrink_window", only("0")],
  ["net.ipv4.tcp_workaround_signed_windows", only("0")],
  ["net.ipv4.tcp_rto_min_us", number("rtoMin")],
  ["net.ipv4.tcp_rto_max_ms", number("rtoMax", MS)],
  ["net.ipv4.tcp_comp_sack_nr", number("compressedSacks")],
  ["net.ipv4.tcp_comp_sack_delay_ns", number("compressedSacksDelay", 1 / MS)],
  ["net.ipv4.tcp_comp_sack_slack_ns", nothing],
  ["net.ipv4.tcp_pingpong_thresh", only("1")],
  ["net.ipv4.tcp_stdurg", only("0")],
  ["net.ipv4.tcp_reflect_tos", only("0")],
  ["net.ipv4.tcp_plb_enabled", only("0")],
  ["net.ipv4.tcp_migrate_req", nothing],
  ["net.ipv4.tcp_tw_reuse_delay", nothing],
  ["net.ipv4.tcp_child_ehash_entries", nothing],
  ["net.ipv4.tcp_available_congestion_control", nothing],
  ["net.ipv4.tcp_allowed_congestion_control", nothing],
  // Settings of accurate ECN, which only tcp_ecn enables.
  ["net.ipv4.tcp_ecn_option", nothing],
  ["net.ipv4.tcp_ecn_option_beacon", nothing],
  ["net.ipv4.tcp_backlog_ack_defer", nothing],
  ["net.ipv4.ip_no_pmtu_disc", flag("pathMtuDiscovery", true)],
  ["net.ipv4.ip_local_port_range", nothing],
  ["net.ipv4.ip_default_ttl", number("ttl")],
  ["net.ipv4.icmp_ratelimit", nothing],
  ["net.ipv4.icmp_ratemask", nothing],
  ["net.ipv4.icmp_msgs_per_sec", nothing],
  ["net.ipv4.icmp_msgs_burst", nothing],
  ["net.ipv4.icmp_echo_ignore_all", only("0")],
  ["net.ipv6.icmp.ratelimit", nothing],
  ["net.ipv6.icmp.ratemask", nothing],
  ["net.ipv4.ip_early_demux", nothing],
  ["net.ipv4.udp_early_demux", nothing],
  ["net.ipv4.ip_forward", nothing],
  ["net.ipv4.ip_unprivileged_port_start", nothing],
  ["net.ipv4.ip_local_reserved_ports", nothing],
  ["net.ipv4.udp_rmem_min", nothing],
  ["net.ipv4.udp_wmem_min", nothing],
  ["net.ipv6.auto_flowlabels", nothing],
  ["net.ipv6.flowlabel_consistency", nothing],
  ["net.ipv6.flowlabel_reflect", only("0")],
  ["net.ipv6.bindv6only", nothing],
  ["net.core.rmem_max", number("most SO_RCVBUF")],
  ["net.core.wmem_max", number("most SO_SNDBUF")],
  ["net.core.rmem_default", nothing],
  ["net.core.wmem_default", nothing],
  ["net.core.somaxconn", number("most backlog")],
  ["net.core.optmem_max", nothing],
  ["net.core.default_qdisc", nothing],
  ["net.core.netdev_max_backlog", nothing],
  ["net.core.netdev_budget", nothing],
  ["net.core.netdev_budget_usecs", nothing],
  ["net.core.dev_weight", nothing],
  ["net.core.busy_poll", nothing],
  ["net.core.busy_read", nothing],
  ["net.core.high_order_alloc_disable", nothing],
  ["net.core.tstamp_allow_data", nothing],
  ["net.core.txrehash", nothing],
  ["net.inet.tcp.rfc1323", rfc1323],
  ["net.inet.tcp.sack.enable", flag("sack")],
  ["net.inet.tcp.ecn.enable", number("ecn")],
  ["net.inet.tcp.ecn.maxretries", number("ecnSynRetries")],
  ["net.inet.tcp.recvspace", number("receiveBuffer")],
  ["net.inet.tcp.sendspace", number("sendBuffer")],
  ["net.inet.tcp.recvbuf_auto", nothing],
  ["net.inet.tcp.sendbuf_auto", nothing],
  ["kern.ipc.maxsockbuf", number("receiveBufferMax")],
  ["kern.ipc.somaxconn", number("most backlog")],
  ["kern.ipc.soacceptqueue", number("most backlog")],
  ["kern.timecounter.alloweddeviation", nothing],
  ["net.inet.tcp.insecure_rst", flag("challengeReset", true)],
  ["net.inet.tcp.insecure_syn", flag("challengeSyn", true)],
  ["net.inet.tcp.insecure_ack", flag("challengeAck", true)],
  ["net.inet.tcp.ack_war_timewindow", number("invalidAckInterval", MS)],
  ["net.inet.tcp.blackhole", number("blackhole")],
  ["net.inet.tcp.drop_synfin", flag("dropSynFin")],
  ["net.inet.tcp.fastopen.client_enable", flag("fastOpenClient")],
  ["net.inet.tcp.fastopen.server_enable", flag("fastOpenServer")],
  ["net.inet.tcp.fastopen.acceptany", flag("fastOpenAcceptAny")],
  ["net.inet.tcp.fastopen.path_disable_time", number("fastOpenPause", S)],
  ["net.inet.tcp.fastopen.autokey", nothing],
  ["net.inet.tcp.fastopen.maxkeys", nothing],
  ["net.inet.tcp.fastopen.maxpsks", nothing],
  ["net.inet.tcp.fastopen.ccache_bucket_limit", nothing],
  ["net.inet.tcp.fastopen.ccache_buckets", nothing],
  ["net.inet.tcp.fastopen.psk_enable", only("0")],
  ["net.inet.tcp.syncookies", flag("syncookies")],
  ["net.inet.tcp.syncookies_only", flag("syncookiesOnly")],
  ["net.inet.tcp.icmp_may_rst", flag("icmpMayReset")],
  ["net.inet.tcp.keepidle", number("keepAliveIdle", MS)],
  ["net.inet.tcp.keepintvl", number("keepAliveInterval", MS)],
  ["net.inet.tcp.keepcnt", number("keepAliveCount")],
  ["net.inet.tcp.keepinit", number("connectTimeout", MS)],
  ["net.inet.tcp.always_keepalive", flag("keepAlive")],
  ["net.inet.tcp.delayed_ack", (text) => (text === "0" ? [set("delayedAck", 0)] : text === "1" ? [] : undefined)],
  ["net.inet.tcp.delacktime", number("delayedAck", MS)],
  ["net.inet.tcp.rexmit_initial", number("rtoInitial", MS)],
  ["net.inet.tcp.rexmit_min", number("rtoMin", MS)],
  ["net.inet.tcp.rexmit_slop", number("rtoSlop", MS)],
  ["net.inet.tcp.rexmit_drop_options", flag("dropOptionsOnRetransmission")],
  ["net.inet.tcp.retries", number("retriesR2")],
  ["net.inet.tcp.syncache.rexmtlimit", number("retriesSynAck")],
  ["net.inet.tcp.rfc3042", only("1")],
  ["net.inet.tcp.rfc3390", only("1")],
  ["net.inet.tcp.rfc3465", only("1")],
  ["net.inet.tcp.abc_l_var", nothing],
  ["net.inet.tcp.mssdflt", number("mssDefault4")],
  ["net.inet.tcp.v6mssdflt", number("mssDefault6")],
  ["net.inet.tcp.minmss", number("mssMin")],
  ["net.inet.tcp.path_mtu_discovery", flag("pathMtuDiscovery")],
  ["net.inet.tcp.pmtud_blackhole_detection", number("blackholeDetection")],
  ["net.inet.tcp.pmtud_blackhole_mss", nothing],
  ["net.inet.tcp.v6pmtud_blackhole_mss", nothing],
  ["net.inet.tcp.tolerate_missing_ts", flag("tolerateMissingTimestamps")],
  ["net.inet.tcp.initcwnd_segments", number("initialWindow")],
  ["net.inet.tcp.msl", number("maximumSegmentLifetime", MS)],
  ["net.inet.tcp.nolocaltimewait", nothing],
  ["net.inet.tcp.finwait2_timeout", number("finWait2", MS)],
  ["net.inet.tcp.fast_finwait2_recycle", flag("fastFinWait2")],
  ["net.inet.tcp.tso", nothing],
  ["net.inet.tcp.cc.algorithm", word("congestionControl")],
  ["net.inet.tcp.functions_default", only("freebsd")],
  // Settings that change neither packets nor their times.
  ...FREEBSD_INDIFFERENT.map((name) => [name, nothing] as const),
  ...Object.entries(FREEBSD_AS_IT_IS).map(([name, value]) => [name, only(...value.split(" "))] as const),
  ["net.inet.ip.ttl", number("ttl")],
  ["net.inet6.ip6.hlim", number("ttl")],
  ["net.inet.tcp.hostcache.enable", nothing],
  ["net.inet.tcp.hostcache.purgenow", (text) => (text === "0" ? [] : [set("forgetPeers", true)])],
  ["net.inet.tcp.hostcache.purge", nothing],
]);

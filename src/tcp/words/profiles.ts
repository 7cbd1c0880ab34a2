/**
 * A profile is data: policies and parameters that make a stack behave like an existing one, or exactly as an RFC. Anything else has its
 * default, which is Linux's except for what `DEFAULT_PARAMS` lists.
 */
import { SECOND } from "#base/time";
import type { Policies, TcpSettings } from "./params.ts";
import { ACCEPTANCE } from "./policies/acceptance.ts";
import { ACKNOWLEDGING } from "./policies/acknowledging.ts";
import { BUFFERING } from "./policies/buffering.ts";
import { ENDING } from "./policies/ending.ts";
import { GROWING } from "./policies/growing.ts";
import { ICMP_ERRORS } from "./policies/icmp-errors.ts";
import { OPENING } from "./policies/opening.ts";
import { RESETTING } from "./policies/resetting.ts";
import { RETRANSMITTING } from "./policies/retransmitting.ts";

type Profile = Readonly<TcpSettings>;

/** Linux 6.x exactly. */
const LINUX: Profile & Policies = {
  opening: OPENING.linux,
  acceptance: ACCEPTANCE.linux,
  acknowledging: ACKNOWLEDGING.linux,
  buffering: Object.freeze({ ...BUFFERING.linux, receiveBufferCounts: "memory" as const }),
  retransmitting: RETRANSMITTING.linux,
  growing: GROWING.linux,
  resetting: RESETTING.linux,
  ending: ENDING.linux,
  icmpErrors: ICMP_ERRORS.linux,
  keepAliveSpread: 0,
  keepAliveUnderPressure: 1,
};

/** The rules of RFC 9293, 7323, 5681 and 5961 where Linux differs from them. */
export const RFC9293: Profile & Policies = {
  opening: OPENING.rfc9293,
  acceptance: ACCEPTANCE.rfc9293,
  acknowledging: ACKNOWLEDGING.rfc9293,
  buffering: BUFFERING.rfc9293,
  retransmitting: RETRANSMITTING.rfc9293,
  growing: GROWING.rfc9293,
  resetting: RESETTING.rfc9293,
  ending: ENDING.rfc9293,
  icmpErrors: ICMP_ERRORS.rfc9293,
  keepAliveUnderPressure: 1,
};

/** FreeBSD: small buffers, a window scale of 6 (kern.ipc.maxsockbuf), 75 s to connect. */
const FREEBSD: Profile & Policies = {
  opening: OPENING.freebsd,
  acceptance: ACCEPTANCE.freebsd,
  acknowledging: ACKNOWLEDGING.freebsd,
  buffering: BUFFERING.freebsd,
  retransmitting: RETRANSMITTING.freebsd,
  growing: GROWING.rfc9293,
  resetting: RESETTING.freebsd,
  ending: ENDING.freebsd,
  icmpErrors: ICMP_ERRORS.freebsd,
  receiveBuffer: 65_536,
  receiveBufferMax: 2 << 20,
  sendBuffer: 32_768,
  nagle: "rfc896",
  connectTimeout: 75 * SECOND,
  // net.inet.tcp.always_keepalive, regardless of the socket's option.
  keepAlive: true,
  keepAliveSpread: 0,
  keepAliveUnderPressure: 1,
  keepAliveCount: 8,
};

/** RFC 793 and 1122 exactly: no RFC 5961, an answer to each unacceptable segment, ICMP's soft errors only recorded. */
const RFC793: Profile & Policies = { ...RFC9293, acceptance: ACCEPTANCE.rfc793, ecn: "off" };

export const PROFILES: Readonly<Record<ProfileName, TcpSettings>> = {
  linux: LINUX,
  freebsd: FREEBSD,
  rfc9293: RFC9293,
  rfc793: RFC793,
};

/** The name of a stack whose rules can be followed. */
export type ProfileName = "linux" | "freebsd" | "rfc9293" | "rfc793";

export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];

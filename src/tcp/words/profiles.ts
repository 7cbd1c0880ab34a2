/**
 * A profile is data: a set of parameters that makes a stack behave like one in use, or like the letter of an RFC. The defaults are Linux' rules but for
 * the few that `LINUX` names.
 */
import { MILLISECOND, SECOND } from "#base/time";
import type { TcpParams } from "./params.ts";
import { NO_QUIRKS } from "./quirks.ts";

type Profile = Readonly<Partial<TcpParams>>;

/**
 * Linux 6.x to the letter. The defaults differ here: an unreachable network does not end an OPEN (MUST-56), a closed window is waited for as long
 * as the peer answers (MUST-37), an RST after both sides have closed is no error, claims of a smaller path MTU are checked (RFC 5927
 * §7.2), and R2 of a SYN is three minutes (MUST-23).
 */
const LINUX: Profile = {
  softErrorsAbortOpen: true,
  userTimeoutEndsClosedWindow: true,
  lateResetIsError: true,
  pathMtuDelay: false,
  retriesSyn: 6,
  retriesSynAck: 5,
};

/** The rules of RFC 9293, 7323, 5681 and 5961 where Linux has its own. */
export const RFC9293: Profile = {
  ...NO_QUIRKS,
  tolerateMissingTimestamps: false,
};
/**
 * FreeBSD: small buffers, every second segment or 100 ms, no limit on ACKs to unacceptable segments, a window scale of 6
 * (kern.ipc.maxsockbuf), RTO = SRTT + 4 RTTVAR + 200 ms, 12 retransmissions and 75 s to connect.
 */
const FREEBSD: Profile = {
  ...RFC9293,
  receiveBuffer: 65_536,
  receiveBufferMax: 2 << 20,
  sendBuffer: 32_768,
  ecn: "passive",
  quickAcks: 0,
  delayedAck: 100 * MILLISECOND,
  invalidAckInterval: 0,
  nagle: "rfc896",
  resetKeepsReceived: true,
  dropSynFin: false,
  mssMin: 216,
  pathMtuDelay: false,
  connectTimeout: 75 * SECOND,
  rtoMin: 30 * MILLISECOND,
  rtoSlop: 200 * MILLISECOND,
  rtoMax: 64 * SECOND,
  // net.inet.tcp.always_keepalive, whatever a socket says.
  keepAlive: true,
  keepAliveCount: 8,
  retriesR2: 12,
  retriesSyn: 12,
  retriesSynAck: 3,
  ecnSynRetries: 1,
  wholeSegmentBuffers: true,
  ignoreTimeWaitReset: true,
  freeBsdIcmpErrors: true,
  resetsWhileClosing: true,
};
/** The letter of RFC 793 and 1122: no RFC 5961, an answer to each unacceptable segment, ICMP's soft errors only noted. */
const RFC793: Profile = { ...RFC9293, ecn: "off", rfc5961: false, invalidAckInterval: 0 };

export const PROFILES = { linux: LINUX, freebsd: FREEBSD, rfc9293: RFC9293, rfc793: RFC793 } as const;

export type ProfileName = keyof typeof PROFILES;

export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];

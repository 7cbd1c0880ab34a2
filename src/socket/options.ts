import { MILLISECOND } from "#base/time";
import { congestionControlNames, isCongestionControl } from "#tcp/congestion/congestion";
import type { TcpSettings } from "#tcp/words/params";
import { invalid, shown, whole } from "./checks.ts";
import type { SocketOptions } from "./types.ts";

/** Converts the user's options to the engine's parameters. @throws CallError EINVAL. */
export function paramsOf(options: SocketOptions): TcpSettings {
  const { nodelay, cc, mss, userTimeout, keepAlive, receiveBuffer, sendBuffer, timestamps } = options;
  const params: TcpSettings = options.params === undefined ? {} : { ...options.params };
  if (nodelay !== undefined) params.nagle = nodelay ? "off" : "minshall";
  if (cc !== undefined) {
    if (!isCongestionControl(cc)) {
      throw invalid(`there is no congestion control ${shown(cc)}: use ${congestionControlNames()}`);
    }
    params.congestionControl = cc;
  }
  if (options.pacing !== undefined) addPacing(params, options.pacing);
  if (mss !== undefined) params.mss = whole("mss", mss, 48, 65_495);
  if (userTimeout !== undefined) params.userTimeout = microseconds("userTimeout", userTimeout);
  if (receiveBuffer !== undefined) {
    params.receiveBuffer = whole("receiveBuffer", receiveBuffer, 1, MAX_BUFFER);
    params.receiveBufferMax = params.receiveBuffer;
  }
  if (sendBuffer !== undefined) {
    params.sendBuffer = whole("sendBuffer", sendBuffer, 1, MAX_BUFFER);
    params.sendBufferMax = params.sendBuffer;
  }
  if (options.sack !== undefined) params.sack = options.sack;
  if (timestamps !== undefined) {
    params.timestamps = timestamps !== false;
    params.tolerateMissingTimestamps = timestamps !== "strict";
  }
  if (options.windowScale !== undefined) params.windowScale = options.windowScale;
  if (keepAlive !== undefined) addKeepAlive(params, keepAlive);
  return params;
}

/** Bits per second, as rates of links are given, become octets per second. @throws CallError EINVAL. */
function addPacing(params: TcpSettings, pacing: NonNullable<SocketOptions["pacing"]>): void {
  params.pacing = pacing !== false;
  params.pacingRateMax = Number.POSITIVE_INFINITY;
  if (typeof pacing === "boolean") return;
  if (!(typeof pacing === "number" && pacing >= PACING_MIN && pacing <= PACING_MAX)) {
    throw invalid(`pacing must be true, false, or a rate in bit/s from 1000 to 1e12, not ${shown(pacing)}`);
  }
  params.pacingRateMax = Math.floor(pacing / 8);
}

const PACING_MIN = 1_000;
const PACING_MAX = 1e12;

/** Converts ms to the engine's µs. @throws CallError EINVAL. */
export function microseconds(name: string, ms: number, what = "a time"): number {
  if (!(typeof ms === "number" && ms > 0 && ms <= MS_MAX)) {
    throw invalid(`${name} must be ${what} in ms above 0 and at most ${MS_MAX} (500 h), not ${shown(ms)}`);
  }
  return Math.ceil(ms * MILLISECOND);
}

/** The longest time of a timer. */
const MS_MAX = 500 * 3_600_000;

/** Default limit of pending Fast Open connections. */
const PENDING = 128;

export function fastOpenParams(fastOpen: boolean | number | undefined): TcpSettings {
  if (fastOpen === undefined) return {};
  if (typeof fastOpen === "boolean") return { fastOpenBacklog: fastOpen ? PENDING : 0 };
  return { fastOpenBacklog: whole("fastOpen", fastOpen, 0, 65_535) };
}

/** RFC 7323 §2.3: no window exceeds 2^30. */
const MAX_BUFFER = 1 << 30;

function addKeepAlive(params: TcpSettings, keepAlive: NonNullable<SocketOptions["keepAlive"]>): void {
  params.keepAlive = keepAlive !== false;
  if (typeof keepAlive === "boolean") return;
  const { idle, interval, count } = keepAlive;
  if (idle !== undefined) params.keepAliveIdle = microseconds("keepAlive.idle", idle);
  if (interval !== undefined) params.keepAliveInterval = microseconds("keepAlive.interval", interval);
  if (count !== undefined) params.keepAliveCount = whole("keepAlive.count", count, 1, 1_000);
}

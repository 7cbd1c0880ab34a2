import type { EndSample, LinkSample } from "#cli/watch/sample";
import type { TcpInfo } from "#tcp/machine/info";

/** A connection in the middle of a fast recovery. */
export function infoOf(more: Partial<TcpInfo> = {}): TcpInfo {
  return {
    state: "ESTABLISHED",
    localAddress: "10.0.1.5",
    localPort: 50312,
    remoteAddress: "10.0.0.7",
    remotePort: 7000,
    limitedBy: "congestion-window",
    congestionControl: "cubic",
    control: {},
    phase: "recovery",
    mss: 1448,
    cwnd: 42_000,
    ssthresh: 41_000,
    inFlight: 42_000,
    sacked: 14_480,
    sackedRanges: [
      [1_448, 8_688],
      [20_272, 27_512],
    ],
    sendQueue: 80_000,
    notSent: 20_000,
    sndWnd: 262_144,
    rtt: 61_000,
    minRtt: 40_000,
    rttvar: 4_000,
    rto: 240_000,
    bytesSent: 12_100_000,
    bytesAcked: 11_800_000,
    bytesReceived: 0,
    dataSegsOut: 8_360,
    retransTotal: 23,
    timeouts: 1,
    ...more,
  } as TcpInfo;
}

export function endOf(more: Partial<TcpInfo> = {}, name = "10.0.1.5:50312 → 10.0.0.7:7000", received = 0): EndSample {
  return { name, info: infoOf(more), received };
}

export function linkOf(queue = 37): LinkSample {
  const counts = { "link.offered": 8_400, "link.delivered": 8_377, "link.loss": 9, "link.queue-full": 14 };
  return {
    words: "delay 20ms loss 0.1% rate 10mbit queue 60",
    names: ["out", "in"],
    ways: [
      { queue, room: 60, counts },
      { queue: 0, room: 60, counts: { "link.offered": 4_000, "link.delivered": 4_000 } },
    ],
  };
}

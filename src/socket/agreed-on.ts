import type { TcpInfo } from "#tcp/machine/info";
import type { SocketInfo } from "./types.ts";

/** What the handshake agreed on. @param rtt µs that it took to come back. */
export function agreedOn(info: TcpInfo, remoteAddress: string, localAddress: string, rtt: number): SocketInfo {
  const { mss, sack, timestamps, sndWscale, rcvWscale, synData } = info;
  return {
    remoteAddress,
    localAddress,
    mss,
    sack,
    timestamps,
    wscale: sndWscale >= 0 ? { send: sndWscale, receive: rcvWscale } : null,
    rtt,
    synData,
  };
}

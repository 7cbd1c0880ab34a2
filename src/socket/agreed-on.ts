import type { Tcb } from "#tcp/words/tcb";
import type { SocketInfo } from "./types.ts";

/** What the handshake agreed on. @param rtt µs that it took to come back. */
export function agreedOn(tcb: Tcb, remoteAddress: string, localAddress: string, rtt: number): SocketInfo {
  const { snd, rcv, sackOk, timestampsOk, windowScaleOk, fast } = tcb;
  return {
    remoteAddress,
    localAddress,
    mss: snd.mss,
    sack: sackOk,
    timestamps: timestampsOk,
    wscale: windowScaleOk ? { send: snd.shift, receive: rcv.shift } : null,
    rtt,
    synData: fast.taken,
  };
}

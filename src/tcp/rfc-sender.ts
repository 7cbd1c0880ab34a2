/** The RFCs' sender: octets, the pipe of RFC 6675, recovery as in `recovery.ts`. */
import { acknowledgment } from "./acknowledgment.ts";
import * as M from "./marks.ts";
import { transmit } from "./output.ts";
import { overtaken, timedOut } from "./recovery.ts";
import { resetRto, sample } from "./rto.ts";
import { markAllLost } from "./sack.ts";
import type { Sender } from "./sender.ts";
import { diff } from "./seq.ts";
import { CA_LOSS, T_REORDER, type Tcb } from "./tcb.ts";
import { persist, retransmit, tailProbe, trace } from "./timeouts.ts";

export const RFC_SENDER: Sender = {
  name: "rfc",
  variables: () => null,
  inFlight: (tcb) => tcb.outstanding() - tcb.sackedBytes - tcb.lostBytes + tcb.resentBytes - tcb.renoSacked,
  begin() {},
  room({ snd, params }, n) {
    if (params.notSentLowWater > 0 && snd.queued - diff(snd.nxt, snd.una) >= params.notSentLowWater) return 0;
    return Math.min(n, Math.max(0, params.sendBuffer - snd.queued));
  },
  // It looks anew at each poll.
  queued() {},
  release() {},
  acknowledged: acknowledgment,
  transmit,
  sampled: sample,
  resetRto,
  overtaken(tcb, now) {
    trace(tcb, T_REORDER, M.TIMER_REORDER, 1, now);
    overtaken(tcb, now);
  },
  tailSilent: tailProbe,
  timedOut: retransmit,
  windowSilent: persist,
  beganLate(tcb, now) {
    tcb.cc.flight = tcb.outstanding();
    timedOut(tcb, now);
  },
  segmentSize: (_tcb, most) => most,
  resized({ cc, snd }, before) {
    cc.cwnd = Math.max(Math.floor(cc.cwnd / before) * snd.mss, snd.mss);
  },
  shrunk(tcb, now) {
    const { cc, snd } = tcb;
    markAllLost(tcb, M.ICMP_MTU, now);
    tcb.renoSacked = 0;
    withoutBlame(tcb);
    cc.ssthresh = Math.max(cc.cwnd, 2 * snd.mss);
  },
  notTaken(tcb, cause, now) {
    markAllLost(tcb, cause, now);
    withoutBlame(tcb);
  },
};

/** What is lost goes again as after a timeout, but nothing says that the network is full. */
function withoutBlame(tcb: Tcb): void {
  const { cc } = tcb;
  cc.recover = tcb.snd.nxt;
  cc.phase = CA_LOSS;
  cc.byTimeout = false;
  cc.force = true;
}

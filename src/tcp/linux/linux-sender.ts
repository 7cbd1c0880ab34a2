/**
 * A sender that decides as Linux does, segment by segment: what is in flight, what is lost, how cwnd moves, what goes next and when.
 * Where Linux follows the RFCs it does so in its own order and with its own rounding, and scripts that were written for it count
 * segments; so it is a sender of its own beside `recovery.ts`, `rack.ts`, `undo.ts` and `output.ts`, behind one switch
 * (`sender` of params.ts). What it does was measured against a kernel: docs/adr.
 *
 * - `queue.ts`: what SEND queued, in the pieces that Linux keeps it in; `send-buffer.ts`: how much it takes
 * - `output.ts`: which piece goes next; `deferral.ts`: when it waits for more
 * - `ack.ts`: what an ACK does; `scoreboard.ts`, `sack-blocks.ts`: what it says about what is in flight
 * - `alert.ts`: the states Open, Disorder, CWR, Recovery, Loss; `reduction.ts`: how cwnd falls, and when that is taken back
 * - `rack.ts`, `tail-probe.ts`: losses by time; `timers.ts`; `round-trip.ts`; `usage.ts`: is cwnd used at all?
 */
import * as M from "../marks.ts";
import { NONE } from "../records.ts";
import { markAllLost } from "../sack.ts";
import type { Sender } from "../sender.ts";
import { T_LOSS_PROBE, T_REORDER, type Tcb } from "../tcb.ts";
import { trace } from "../timeouts.ts";
import { acknowledge } from "./ack.ts";
import { enterLoss, resendSmaller, resendWithoutBlame } from "./alert.ts";
import { transmit } from "./output.ts";
import { queueEnd, withinHalfWindow, wrote } from "./queue.ts";
import { overtaken } from "./rack.ts";
import { rtoOf, sampled, updateRate } from "./round-trip.ts";
import { recount } from "./scoreboard.ts";
import { roomFor } from "./send-buffer.ts";
import { probeWindow, retransmit } from "./timeouts.ts";
import { rearm } from "./timers.ts";
import { inFlight, LinuxVariables, PUSH_ALL, PUSH_NORMAL, push, RESEND_HEAD, SSTHRESH_INFINITE } from "./variables.ts";

export const LINUX_SENDER: Sender = {
  name: "linux",
  variables: () => new LinuxVariables(),
  inFlight: (tcb) => inFlight(of(tcb)) * tcb.snd.mss,
  begin(tcb) {
    const lx = of(tcb);
    recount(tcb);
    updateRate(tcb, lx);
    lx.usageEnd = tcb.snd.una;
    if (tcb.snd.queued === 0) lx.pushEnd = queueEnd(tcb);
  },
  room: (tcb, n) => roomFor(tcb, of(tcb), n),
  queued: (tcb, n, now) => wrote(tcb, n, tcb.snd.more, now),
  release: (tcb, small) => push(tcb, small ? PUSH_ALL : PUSH_NORMAL),
  acknowledged: (tcb, seg, now) => acknowledge(tcb, of(tcb), seg, now),
  transmit: (tcb, packet, supers, now) => transmit(tcb, of(tcb), packet, supers, now),
  sampled: (tcb, rtt, now) => sampled(tcb, of(tcb), rtt, rtt, now),
  resetRto(tcb) {
    tcb.rto = Math.max(rtoOf(tcb, of(tcb)), tcb.params.rtoMin);
  },
  overtaken(tcb, now) {
    trace(tcb, T_REORDER, M.TIMER_REORDER, 1, now);
    overtaken(tcb, of(tcb), now);
  },
  tailSilent(tcb, now) {
    if (tcb.head === NONE) return;
    trace(tcb, T_LOSS_PROBE, M.TIMER_LOSS_PROBE, 1, now);
    const lx = of(tcb);
    lx.probeNow = true;
    rearm(tcb, lx, true, now);
  },
  timedOut: (tcb, now) => retransmit(tcb, of(tcb), now),
  windowSilent: (tcb, now) => probeWindow(tcb, of(tcb), now),
  beganLate(tcb, now) {
    const lx = of(tcb);
    recount(tcb);
    enterLoss(tcb, lx, tcb.retries - 1, now);
    lx.resend = RESEND_HEAD;
  },
  segmentSize: withinHalfWindow,
  /** Windows go on as so many segments of another size. */
  resized(tcb, before) {
    const { cc, snd } = tcb;
    cc.cwnd = Math.floor(cc.cwnd / before) * snd.mss;
    if (cc.ssthresh < SSTHRESH_INFINITE) cc.ssthresh = Math.floor(cc.ssthresh / before) * snd.mss;
  },
  shrunk: (tcb, now) => resendSmaller(tcb, of(tcb), now),
  notTaken(tcb, cause, now) {
    markAllLost(tcb, cause, now);
    recount(tcb);
    resendWithoutBlame(tcb, of(tcb));
  },
};

function of(tcb: Tcb): LinuxVariables {
  return tcb.linux!;
}

/** The handshake is over: what was in flight is counted, and what comes is sent as fast as the path allows. */

import type { Tcb } from "../tcb.ts";
import { queueEnd } from "./queue.ts";
import { updateRate } from "./round-trip.ts";
import { recount } from "./scoreboard.ts";
import type { LinuxSender } from "./sender.ts";

export function begin(tcb: Tcb, lx: LinuxSender): void {
  recount(tcb);
  updateRate(tcb, lx);
  lx.usageEnd = tcb.snd.una;
  if (tcb.snd.queued === 0) lx.pushEnd = queueEnd(tcb);
}

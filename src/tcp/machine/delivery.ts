/** The seventh and eighth steps of RFC 9293 §3.10.7.4: data goes to the receive queue, and the peer's FIN ends it. */
import { receiveText, TEXT_ENDED, TEXT_REFUSED } from "../receive/text.ts";
import { ECONNRESET } from "../words/error.ts";
import * as M from "../words/marks.ts";
import { type Reset, resetFor } from "../words/reset.ts";
import type { Segment } from "../words/segment.ts";
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "../words/state.ts";
import { setState, type Tcb } from "../words/tcb.ts";
import { finish, timeWait } from "./finish.ts";

export function takeTextAndFin(tcb: Tcb, seg: Segment, now: number, reset: Reset): void {
  switch (receiveText(tcb, seg, now)) {
    case TEXT_REFUSED:
      resetFor(seg, M.TX_RST_UNREAD, reset);
      finish(tcb, ECONNRESET, M.RX_AFTER_CLOSE, now);
      break;
    case TEXT_ENDED:
      gotFin(tcb, now);
      break;
  }
}

function gotFin(tcb: Tcb, now: number): void {
  switch (tcb.state) {
    case ESTABLISHED:
      setState(tcb, CLOSE_WAIT, M.GOT_FIN, now);
      break;
    case FIN_WAIT_1:
      // Our FIN is not acknowledged, or the fifth step would have changed the state.
      setState(tcb, CLOSING, M.GOT_FIN, now);
      break;
    case FIN_WAIT_2:
      timeWait(tcb, M.GOT_FIN, now);
      tcb.ackNow = M.TX_ACK_FIN;
      break;
  }
}

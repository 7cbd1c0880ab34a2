import * as M from "#tcp/words/marks";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from "#tcp/words/state";

/** RFC 9293 figure 5, LISTEN being the listener's; the ends by abort, reset and time are below. */
const TABLE: Record<number, number> = {
  [CLOSED]: SYN_SENT | SYN_RECEIVED,
  [SYN_SENT]: SYN_RECEIVED | ESTABLISHED,
  [SYN_RECEIVED]: ESTABLISHED | FIN_WAIT_1,
  [ESTABLISHED]: FIN_WAIT_1 | CLOSE_WAIT,
  [FIN_WAIT_1]: FIN_WAIT_2 | CLOSING,
  [FIN_WAIT_2]: TIME_WAIT,
  [CLOSE_WAIT]: LAST_ACK,
  [CLOSING]: TIME_WAIT,
  [LAST_ACK]: 0,
  [TIME_WAIT]: 0,
};

/** Causes that are a step of the peaceful end: they lead to CLOSED from LAST-ACK and TIME-WAIT alone. */
const PEACEFUL = new Set([M.GOT_ACK_OF_FIN, M.GOT_FIN, M.TIMER_TIME_WAIT, M.GOT_ACK_OF_SYN]);

export function legalTransition(from: number, to: number, cause: number): boolean {
  if (to !== CLOSED) return ((TABLE[from] ?? 0) & to) !== 0;
  if (from === LAST_ACK && cause === M.GOT_ACK_OF_FIN) return true;
  if (from === TIME_WAIT)
    return cause === M.TIMER_TIME_WAIT || cause === M.REPLACED || cause === M.RX_RST || cause === M.CALL_ABORT;
  return !PEACEFUL.has(cause);
}

import type { Tcb } from "./tcb.ts";

/** The value of `Tcb.takesFrom` if the user takes no text from packets. */
export const TAKES_NONE = 0x7fff_ffff;

/**
 * Text at RCV.NXT that still lies in the packet that brought it, because its user can take it from there: it needs no copy in the receive
 * queue. It counts as received and unread, like text in the queue. A stack has at most one, that of the latest packet; before the packet's
 * memory is used again, it must have been taken or copied to the queue.
 */
export class Arrival {
  /** Whose text it is; null: there is none. */
  tcb: Tcb | null = null;
  /** Where it begins in the slab, and its octets. */
  o = 0;
  n = 0;
}

/** Flags of a SEND, as bits. */

/** More data follows at once: do not send the last, incomplete segment of this SEND yet (MSG_MORE). Applies to this SEND only. */
export const SEND_MORE = 1;
/** The octets end a record: no segment carries octets from both sides of this end (MSG_EOR). */
export const SEND_RECORD = 2;
/** SEND's URGENT flag (RFC 9293 MUST-30): everything queued so far is urgent. */
export const SEND_URGENT = 4;
/** Continues a SEND that was taken in part: a PSH requested by the first part keeps its place. */
export const SEND_CONTINUED = 8;

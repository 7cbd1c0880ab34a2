/** What a SEND may say beside its octets, as bits. */

/** More follows at once: what this SEND leaves as less than a whole segment waits for it (MSG_MORE). Holds for this SEND alone. */
export const SEND_MORE = 1;
/** The octets end a record: no segment carries octets from both sides of its end (MSG_EOR). */
export const SEND_RECORD = 2;
/** SEND's URGENT flag (RFC 9293 MUST-30): everything queued so far is urgent. */
export const SEND_URGENT = 4;
/** The rest of a SEND that was taken in part: a PSH that the first part asked for stays where it is. */
export const SEND_CONTINUED = 8;

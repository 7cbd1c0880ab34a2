import { MARKS_MAX, type Mark, markMeaning } from "#base/mark";
import { LINK_DROPS } from "#device/link-marks";

/** The longest comment in bytes; it sets the size of a block. */
export const COMMENT_MAX = 512;

const encoder = new TextEncoder();

/** Comments of packets in UTF-8: why a packet was sent, or what it was for the stack, and what the link did to it. */
export class CaptureComments {
  readonly #comments = new Map<number, Uint8Array>();

  /** Null: there is nothing to say. */
  of(cause: Mark, fate: Mark): Uint8Array | null {
    if (cause === 0 && fate === 0) return null;
    const key = fate * MARKS_MAX + cause;
    let comment = this.#comments.get(key);
    if (comment === undefined) {
      comment = encoder.encode(commentText(cause, fate)).subarray(0, COMMENT_MAX);
      this.#comments.set(key, comment);
    }
    return comment;
  }
}

/** `new data; lost by the link: lost at random` */
function commentText(cause: Mark, fate: Mark): string {
  const why = cause === 0 ? "" : markMeaning(cause);
  if (fate === 0) return why;
  const link = `${LINK_DROPS.includes(fate) ? "lost by the link" : "on the link"}: ${markMeaning(fate)}`;
  return why === "" ? link : `${why}; ${link}`;
}

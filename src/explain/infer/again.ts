/** Why a sender sent the same octets again. */
import type { Heard } from "./acks.ts";
import { AFTER_RTO, FAST, RTO, TAIL_PROBE } from "./rules.ts";

/** µs: what RTO has at least beside SRTT (rto.ts). */
const VARIANCE_MIN = 200_000;
/** A timer's estimate may be wrong by so much. */
const NEARLY = 0.75;
/** Duplicate ACKs that show a loss (RFC 5681 §3.2). */
const DUPLICATES = 3;

/** The retransmission, and what is known of it. Times are µs, numbers relative. */
export interface Again {
  readonly time: number;
  readonly left: number;
  readonly right: number;
  /** When these octets were sent before. */
  readonly before: number;
  /** SND.MAX before it. */
  readonly max: number;
  readonly heard: Heard;
  /** When the sender sent data last. */
  readonly sentAt: number;
  readonly rto: number;
  readonly srtt: number;
  readonly mayProbe: boolean;
}

export class Recovery {
  /** Where the recovery ends: SND.MAX when it began; -1: there is none. */
  #point = -1;
  #isTimeout = false;
  /** The right edge that a tail loss probe has probed. */
  #probed = -1;
  /** Timeouts in a row. */
  times = 0;

  get isOn(): boolean {
    return this.#point >= 0;
  }

  /** Whether it goes on without a timeout. */
  get isFast(): boolean {
    return this.#point >= 0 && !this.#isTimeout;
  }

  /** The sender learned that everything up to `una` has arrived. Returns whether a recovery has ended. */
  acknowledged(una: number): boolean {
    if (una > this.#probed) this.#probed = -1;
    if (this.#point < 0 || una < this.#point) return false;
    this.#point = -1;
    this.times = 0;
    return true;
  }

  /** The timeout was not needed: what was in flight is not sent again. */
  undo(): void {
    if (!this.#isTimeout) return;
    this.#point = -1;
    this.times = 0;
  }

  /** The rule of the retransmission. */
  classify(again: Again): string {
    const rule = this.#ruleOf(again);
    if (rule === RTO) {
      this.times++;
      this.#point = again.max;
      this.#isTimeout = true;
    } else if (rule === FAST && this.#point < 0) {
      this.#point = again.max;
      this.#isTimeout = false;
    } else if (rule === TAIL_PROBE) this.#probed = again.max;
    return rule;
  }

  #ruleOf({ time, left, right, before, max, heard, sentAt, rto, srtt, mayProbe }: Again): string {
    const silence = time - Math.max(sentAt, heard.time);
    const isFirst = left <= heard.una;
    const waited = time - before;
    // What answers an ACK comes at once; after so much silence it was the timer.
    const due = Math.min(rto * NEARLY, srtt + VARIANCE_MIN * NEARLY);
    const isLate = waited >= due && silence >= due;
    const inRecovery = this.#point >= 0;
    if (inRecovery && this.#isTimeout) return isFirst && isLate ? RTO : AFTER_RTO;
    const hasEvidence = heard.sacked > right || heard.duplicates >= DUPLICATES;
    if (isFirst && isLate) {
      const isTail = right >= max && mayProbe && this.#probed < max && !inRecovery && heard.sacked <= heard.una;
      return isTail ? TAIL_PROBE : RTO;
    }
    if (hasEvidence || inRecovery) return FAST;
    if (right >= max && mayProbe && this.#probed < max && silence >= srtt) return TAIL_PROBE;
    if (silence >= srtt) return RTO;
    return FAST;
  }
}

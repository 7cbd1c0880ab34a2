import type { Lesson } from "./lesson.ts";
import { HALF_CLOSE, TIME_WAIT } from "./lessons/closing.ts";
import { BLACK_HOLE, BUFFERBLOAT, NAGLE, SLOW_START, ZERO_WINDOW } from "./lessons/flow.ts";
import { FAST_RETRANSMIT, REORDERING, SPURIOUS, TAIL_LOSS } from "./lessons/loss.ts";
import { HANDSHAKE, SIMULTANEOUS, SYN_FLOOD } from "./lessons/opening.ts";

/** In the order in which one would teach them. */
export const LESSONS: readonly Lesson[] = [
  HANDSHAKE,
  HALF_CLOSE,
  TIME_WAIT,
  SIMULTANEOUS,
  FAST_RETRANSMIT,
  TAIL_LOSS,
  REORDERING,
  SPURIOUS,
  SLOW_START,
  ZERO_WINDOW,
  NAGLE,
  BUFFERBLOAT,
  BLACK_HOLE,
  SYN_FLOOD,
];

/** The thread of `call-thread.ts`: makes the requested calls, one after another. */
import { ANSWER, ARGUMENTS, ASKER, CALL, CALLING, COUNT, THREAD, THREAD_ID, TURN } from "./call-thread.ts";
import { gettid } from "./libc.ts";
import { call, WAITING } from "./sockets.ts";

declare const self: Worker;

const NAMES = Object.keys(WAITING) as (keyof typeof WAITING)[];

self.onmessage = ({ data }: MessageEvent<SharedArrayBuffer>) => {
  const words = new Int32Array(data, 0, ARGUMENTS / 4);
  const numbers = new Float64Array(data, ARGUMENTS);
  words[THREAD_ID] = gettid();
  for (;;) {
    Atomics.store(words, TURN, ASKER);
    Atomics.notify(words, TURN);
    Atomics.wait(words, TURN, ASKER);
    if (Atomics.load(words, TURN) !== THREAD) continue;
    const [name, args] = [NAMES[words[CALL]!]!, [...numbers.subarray(0, words[COUNT])]];
    Atomics.store(words, CALLING, 1);
    words[ANSWER] = call(name, args);
  }
};

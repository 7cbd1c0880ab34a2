import { lstatSync } from "node:fs";
import { EAGAIN } from "#ffi/errno";
import { close } from "#ffi/libc";
import { receive, send } from "#ffi/sockets";
import { check } from "#ffi/system-error";
import { connectTo, peerUser } from "#ffi/unix-socket";
import type { Answer } from "./control.ts";

const ROOT = 0;
/** How long an answer is waited for: the other program may be busy. */
const ANSWER_MS = 3_000;
const LOOK_MS = 5;
/** The longest answer: counters of two directions. */
const ANSWER_MAX = 65_536;

/**
 * Sends one line to the link that listens at `path`. Rejects where nobody does, where nobody answers in time, and where whoever
 * listens is not the user whose socket it is: root asks other users' programs, and somebody may have put another socket there.
 * A socket of root's was made by root, whoever answers at it since root was given up.
 */
export async function askControl(path: string, line: string): Promise<Answer> {
  const file = lstatSync(path);
  if (!file.isSocket()) throw new Error(`${path} is not a socket`);
  const fd = check(connectTo(path), "connect", path);
  try {
    if (file.uid !== ROOT && peerUser(fd) !== file.uid) throw new Error(`${path} leads to another user's program`);
    check(send(fd, new TextEncoder().encode(`${line}\n`), 0), "send", path);
    const answer = readAnswer(await readAll(fd));
    if (answer !== null) return answer;
  } finally {
    close(fd);
  }
  throw new Error(`${path} gave no answer`);
}

/** What comes until the other end closes; "" where it does not in time, or says too much. */
async function readAll(fd: number): Promise<string> {
  const until = performance.now() + ANSWER_MS;
  const decoder = new TextDecoder();
  let text = "";
  while (performance.now() < until && text.length < ANSWER_MAX) {
    const { n, bytes } = receive(fd, ANSWER_MAX, 0);
    if (n === 0) return text;
    if (n > 0) text += decoder.decode(bytes, { stream: true });
    else if (n === -EAGAIN) await Bun.sleep(LOOK_MS);
    else return "";
  }
  return "";
}

/** The answer, with nothing in it but what an answer has: it may come from another user's program. */
function readAnswer(text: string): Answer | null {
  try {
    const { ok, text: words, counts } = JSON.parse(text) as Answer;
    if (typeof ok !== "boolean" || typeof words !== "string") return null;
    if (counts === undefined) return { ok, text: words };
    return { ok, text: words, counts: { out: numbers(counts.out), in: numbers(counts.in) } };
  } catch {
    return null;
  }
}

function numbers(counts: Readonly<Record<string, unknown>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
  );
}

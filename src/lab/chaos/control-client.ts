import { lstatSync } from "node:fs";
import { EAGAIN } from "#ffi/errno";
import { close } from "#ffi/libc";
import { receive, send } from "#ffi/sockets";
import { check } from "#ffi/system-error";
import { connectTo, peerUser } from "#ffi/unix-socket";
import type { Answer } from "./control.ts";

const ROOT = 0;
/** How long to wait for an answer; the other program may be busy. */
const ANSWER_MS = 3_000;
const LOOK_MS = 5;
/** Limit of an answer's length: counters of two directions fit. */
const ANSWER_MAX = 65_536;

/**
 * Sends one line to the link that listens at `path`. Rejects if nobody listens, if no answer comes in time, or if the listener
 * is not the socket's owner: root talks to other users' programs, and somebody may have replaced the socket. For root's own
 * sockets the listener is not checked, since its program has dropped root.
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

/** Reads until the other end closes; "" if it does not close in time, or sends too much. */
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

/** Reads an answer. It may come from another user's program, so only the known fields are taken. */
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

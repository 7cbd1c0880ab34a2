/**
 * Changes a link while it runs: a unix socket that answers one line of JSON to one line of words. Whoever has a link hands
 * in what is to be shown and changed; whoever wants a change types `tcpnet link`.
 */
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { suggest } from "#base/suggest";
import { LinkSyntaxError } from "#device/link-error";
import { CLEAR_LINK } from "#device/link-profile";
import { linksText } from "#device/link-text";
import { type LinkProfiles, parseLinks, type TraceReader } from "#device/link-words";

/** What happened in each direction so far, by name. */
export interface LinkCounts {
  readonly out: Readonly<Record<string, number>>;
  readonly in: Readonly<Record<string, number>>;
}

/** A link that can be changed while it runs. */
export interface Controlled {
  profiles(): LinkProfiles;
  set(profiles: LinkProfiles): void;
  counts(): LinkCounts;
}

export interface Answer {
  readonly ok: boolean;
  /** The link in netem's words, `out` and `in`; or what was wrong with the line. */
  readonly text: string;
  readonly counts?: LinkCounts;
}

const CLEAR: LinkProfiles = { out: CLEAR_LINK, in: CLEAR_LINK };
/** Longest line that is read. */
const LINE_MAX = 4_096;
/** How long an answer is waited for: the other program may be busy. */
const ANSWER_MS = 3_000;

/** Where the sockets of root's links lie. */
export const ROOT_FOLDER = "/run/tcpnet";

/** Where the sockets of this user's links lie. */
export function controlFolder(): string {
  const user = process.getuid?.() ?? 0;
  if (user === 0) return ROOT_FOLDER;
  const { XDG_RUNTIME_DIR } = process.env;
  return XDG_RUNTIME_DIR === undefined ? `/tmp/tcpnet-${user}` : `${XDG_RUNTIME_DIR}/tcpnet`;
}

/** Where the socket of a link lies, by the name of its (first) device. */
export function controlPath(name: string): string {
  return `${controlFolder()}/link-${name}.sock`;
}

/** What a link can be asked to do. */
export const VERBS = ["show", "set", "change", "clear"] as const;

interface Request {
  readonly verb: (typeof VERBS)[number];
  /** Words of the link language; "" where the verb takes none. */
  readonly words: string;
}

/** Takes a line apart. @throws Error, in words, for a line that no link could carry out. */
export function readRequest(line: string): Request {
  const [typed = "", ...rest] = line.trim().split(/\s+/);
  const verb = VERBS.find((each) => each === typed);
  const words = rest.join(" ");
  if (verb === undefined) {
    const near = suggest(typed, VERBS);
    const hint = near === undefined ? `there are ${VERBS.join(", ")}` : `did you mean ${near}?`;
    throw new Error(`a link cannot ${typed === "" ? "be asked nothing" : `"${typed}"`}: ${hint}`);
  }
  const changes = verb === "set" || verb === "change";
  if (changes && words === "") throw new Error(`"${verb}" needs words such as delay 20ms`);
  if (!changes && words !== "") throw new Error(`"${verb}" takes no words, and "${words}" follows it`);
  return { verb, words };
}

/** Carries out one line: `show`, `set WORDS` (all else is clear), `change WORDS` (all else stays), `clear`. */
export function control(link: Controlled, line: string, trace?: TraceReader): Answer {
  try {
    const { verb, words } = readRequest(line);
    if (verb === "set") link.set(parseLinks(words, CLEAR, trace));
    else if (verb === "change") link.set(parseLinks(words, link.profiles(), trace));
    else if (verb === "clear") link.set(CLEAR);
  } catch (error) {
    // Words that cannot be understood, or a trace that cannot be read: never the end of the program that they were for.
    const pointed = error instanceof LinkSyntaxError ? `\n${error.pointed()}` : "";
    return { ok: false, text: `${(error as Error).message}${pointed}` };
  }
  return { ok: true, text: linksText(link.profiles()), counts: link.counts() };
}

/**
 * Listens at `path` until the answer is called, or the program exits. A socket that a killed program left behind is replaced.
 * Throws where another program listens there, and the system's error where the socket cannot be made.
 */
export async function listenForControl(path: string, link: Controlled, trace?: TraceReader): Promise<() => void> {
  const folder = dirname(path);
  if (existsSync(path)) {
    if (await isHeard(path)) throw new Error("another tcpnet listens there");
    unlinkSync(path);
  }
  // Our own folder is made; any other must be there.
  if (folder === controlFolder()) mkdirSync(folder, { recursive: true, mode: 0o755 });
  accessSync(folder, constants.W_OK | constants.X_OK);
  // Only its owner may worsen a link.
  const mask = process.umask(0o177);
  let server: { stop(closeConnections: boolean): void };
  try {
    server = listen(path, link, trace);
  } finally {
    process.umask(mask);
  }
  const stop = () => {
    process.off("exit", stop);
    server.stop(true);
    rmSync(path, { force: true });
    if (folder === controlFolder()) removeEmpty(folder);
  };
  // A third Ctrl-C, or a failure, ends the program on the spot.
  process.on("exit", stop);
  return stop;
}

/** The last one out takes the folder along. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody else's socket lies there, or netup's state; or it is gone.
  }
}

function listen(path: string, link: Controlled, trace: TraceReader | undefined) {
  return Bun.listen<{ text: string }>({
    unix: path,
    socket: {
      open: (socket) => {
        socket.data = { text: "" };
      },
      data: (socket, bytes) => {
        socket.data.text += bytes.toString("utf8");
        const end = socket.data.text.indexOf("\n");
        if (end < 0 && socket.data.text.length < LINE_MAX) return;
        const line = socket.data.text.slice(0, end < 0 ? LINE_MAX : end);
        socket.end(`${JSON.stringify(control(link, line, trace))}\n`);
      },
    },
  });
}

/** Sends one line to the link that listens at `path`. Rejects where nobody does, or nobody answers in time. */
export function askControl(path: string, line: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => reject(new Error(`${path} gave no answer`)), ANSWER_MS);
  let text = "";
  Bun.connect({
    unix: path,
    socket: {
      open: (socket) => void socket.write(`${line}\n`),
      data: (_socket, bytes) => {
        text += bytes.toString("utf8");
      },
      close: () => {
        try {
          resolve(JSON.parse(text) as Answer);
        } catch {
          reject(new Error(`${path} gave no answer`));
        }
      },
    },
  }).catch(reject);
  return promise.finally(() => clearTimeout(timer));
}

/** Whether a program listens there, even one that is stopped and does not answer. */
export async function isHeard(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/**
 * Changes a link while it runs: a unix socket that answers one line of JSON to one line of words. Whoever has a link hands
 * in what is to be shown and changed; whoever wants a change types `tcpnet link`.
 */
import { closeSync, lstatSync, rmdirSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { suggest } from "#base/suggest";
import { LinkSyntaxError } from "#device/link-error";
import { CLEAR_LINK } from "#device/link-profile";
import { linksText } from "#device/link-text";
import { type LinkProfiles, parseLinks, type TraceReader } from "#device/link-words";
import * as sockets from "#ffi/sockets";
import { check } from "#ffi/system-error";
import { controlFolder, makeRoom, prepareFolder } from "./control-path.ts";

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
const AF_UNIX = 1;
/** Programs that may wait to be answered. */
const BACKLOG = 16;
/** Longest line that is read. */
const LINE_MAX = 4_096;

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

/** Does something with the rights that count for the socket's folder. */
export type WithRights = <T>(work: () => T) => T;

/** A socket at which `tcpnet link` finds a link, from its making until it is closed, or the program exits. */
export class ControlSocket {
  readonly path: string;
  /** Listening; connections wait there until somebody serves. */
  readonly fd: number;
  readonly #inode: number;
  #server: Server | undefined;
  readonly #clients = new Set<Socket>();
  readonly #exit = () => this.close();

  /** @param fd as `makeControlSocket` answers it. */
  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.#inode = inodeAt(path);
    // A third Ctrl-C, or a failure, ends the program on the spot.
    process.on("exit", this.#exit);
  }

  /** Answers whoever asks from now on. */
  serve(link: Controlled, trace?: TraceReader): void {
    this.#server = createServer((client) => {
      let text = "";
      this.#clients.add(client);
      client.on("close", () => this.#clients.delete(client));
      // Whoever asked did not wait for the answer.
      client.on("error", () => {});
      client.on("data", (bytes) => {
        text += bytes.toString("utf8");
        const end = text.indexOf("\n");
        if (end < 0 && text.length < LINE_MAX) return;
        client.end(`${JSON.stringify(control(link, text.slice(0, end < 0 ? LINE_MAX : end), trace))}\n`);
        client.removeAllListeners("data");
      });
    }).listen({ fd: this.fd });
  }

  /** Nobody is answered any more, and the socket is removed where that is this program's right and nobody replaced it. */
  close(): void {
    process.off("exit", this.#exit);
    if (this.#server === undefined) closeSync(this.fd);
    this.#server?.close();
    for (const client of this.#clients) client.destroy();
    try {
      if (inodeAt(this.path) === this.#inode) rmSync(this.path, { force: true });
      if (dirname(this.path) === controlFolder()) rmdirSync(dirname(this.path));
    } catch {
      // It lies in a folder of root's, which this program is not any more; or another program's socket lies there, too.
    }
  }
}

/** -1 where nothing is, or can be seen. */
function inodeAt(path: string): number {
  try {
    return lstatSync(path).ino;
  } catch {
    return -1;
  }
}

/**
 * Makes a socket at `path` and listens; answers its descriptor. A socket that a killed program of this user left is replaced.
 * Throws where anything else lies there, and the system's error where the socket cannot be made.
 */
export function makeControlSocket(path: string, withRights: WithRights = (work) => work()): number {
  return withRights(() => {
    const folder = dirname(path);
    // Our own folder is made; any other must be there.
    if (folder === controlFolder()) prepareFolder(folder);
    makeRoom(path);
    statSync(folder);
    // Only its owner may worsen a link.
    const mask = process.umask(0o177);
    try {
      return bindAndListen(path);
    } finally {
      process.umask(mask);
    }
  });
}

function bindAndListen(path: string): number {
  const fd = check(sockets.socket(AF_UNIX, sockets.SOCK_STREAM, 0), "socket", path);
  try {
    check(sockets.bind(fd, sockets.unixAddress(path)), "bind", path);
    check(sockets.listen(fd, BACKLOG), "listen", path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Listens at `path` until the answer is called, or the program exits. Throws as `makeControlSocket` does. */
export async function listenForControl(path: string, link: Controlled, trace?: TraceReader): Promise<() => void> {
  const socket = new ControlSocket(path, makeControlSocket(path));
  socket.serve(link, trace);
  return () => socket.close();
}

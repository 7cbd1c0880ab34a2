/**
 * Changes a link while it runs, through a unix socket: each line of words gets one line of JSON as answer. The program with
 * the link serves the socket; `tcpnet link` is the client.
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

/** The counters of each direction, by name. */
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
  /** The link in netem's words, with `out` and `in`; or the error. */
  readonly text: string;
  readonly counts?: LinkCounts;
}

const CLEAR: LinkProfiles = { out: CLEAR_LINK, in: CLEAR_LINK };
const AF_UNIX = 1;
/** The socket's backlog: clients that may wait for an answer. */
const BACKLOG = 16;
/** Limit of a line's length. */
const LINE_MAX = 4_096;

/** The commands of a link. */
export const VERBS = ["show", "set", "change", "clear"] as const;

interface Request {
  readonly verb: (typeof VERBS)[number];
  /** Words of the link language; "" if the verb takes none. */
  readonly words: string;
}

/** Parses a line. @throws Error, with a text for people, for an invalid line */
export function readRequest(line: string): Request {
  const [typed = "", ...rest] = line.trim().split(/\s+/);
  const verb = VERBS.find((each) => each === typed);
  const words = rest.join(" ");
  if (verb === undefined) {
    const near = suggest(typed, VERBS);
    const hint = near === undefined ? `there are ${VERBS.join(", ")}` : `did you mean ${near}?`;
    throw new Error(`${typed === "" ? "the command is missing" : `"${typed}" is not a command of a link`}: ${hint}`);
  }
  const changes = verb === "set" || verb === "change";
  if (changes && words === "") throw new Error(`"${verb}" needs words such as delay 20ms`);
  if (!changes && words !== "") throw new Error(`"${verb}" takes no words, and "${words}" follows it`);
  return { verb, words };
}

/** Carries out one line: `show`, `set WORDS` (replaces everything), `change WORDS` (keeps everything else), `clear`. */
export function control(link: Controlled, line: string, trace?: TraceReader): Answer {
  try {
    const { verb, words } = readRequest(line);
    if (verb === "set") link.set(parseLinks(words, CLEAR, trace));
    else if (verb === "change") link.set(parseLinks(words, link.profiles(), trace));
    else if (verb === "clear") link.set(CLEAR);
  } catch (error) {
    // A syntax error or an unreadable trace must not end the program that has the link.
    const pointed = error instanceof LinkSyntaxError ? `\n${error.pointed()}` : "";
    return { ok: false, text: `${(error as Error).message}${pointed}` };
  }
  return { ok: true, text: linksText(link.profiles()), counts: link.counts() };
}

/** Runs a function with the privileges needed to change the socket's folder. */
export type WithRights = <T>(work: () => T) => T;

/** The socket through which `tcpnet link` finds a link, until it is closed or the program exits. */
export class ControlSocket {
  readonly path: string;
  /** A listening socket. Clients wait until it is served. */
  readonly fd: number;
  readonly #inode: number;
  #server: Server | undefined;
  readonly #clients = new Set<Socket>();
  readonly #exit = () => this.close();

  /** @param fd returned by `makeControlSocket` */
  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.#inode = inodeAt(path);
    // A third Ctrl-C or a failure ends the program without `close`.
    process.on("exit", this.#exit);
  }

  /** Begins to answer clients. */
  serve(link: Controlled, trace?: TraceReader): void {
    this.#server = createServer((client) => {
      let text = "";
      this.#clients.add(client);
      client.on("close", () => this.#clients.delete(client));
      // The client did not wait for the answer.
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

  /** Stops answering, and removes the socket if nobody replaced it and this program may remove it. */
  close(): void {
    process.off("exit", this.#exit);
    if (this.#server === undefined) closeSync(this.fd);
    this.#server?.close();
    for (const client of this.#clients) client.destroy();
    try {
      if (inodeAt(this.path) === this.#inode) rmSync(this.path, { force: true });
      if (dirname(this.path) === controlFolder()) rmdirSync(dirname(this.path));
    } catch {
      // The folder is root's and this program has dropped root, or another program's socket is in the folder.
    }
  }
}

/** -1 if there is nothing, or nothing visible. */
function inodeAt(path: string): number {
  try {
    return lstatSync(path).ino;
  } catch {
    return -1;
  }
}

/**
 * Makes a socket at `path`, listens, and returns its descriptor. Replaces a socket that a killed program of this user left.
 * Throws if anything else is at the path, and the system's error if the socket cannot be made.
 */
export function makeControlSocket(path: string, withRights: WithRights = (work) => work()): number {
  return withRights(() => {
    const folder = dirname(path);
    // Our own folder is made if needed. Any other must exist.
    if (folder === controlFolder()) prepareFolder(folder);
    makeRoom(path);
    statSync(folder);
    // Only its owner may change a link.
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

/** Serves at `path` until the returned function is called or the program exits. Throws as `makeControlSocket` does. */
export async function listenForControl(path: string, link: Controlled, trace?: TraceReader): Promise<() => void> {
  const socket = new ControlSocket(path, makeControlSocket(path));
  socket.serve(link, trace);
  return () => socket.close();
}

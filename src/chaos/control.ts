/**
 * Changes a link while it runs: a unix socket that answers one line of JSON to one line of words. Whoever has a link hands
 * in what is to be shown and changed; whoever wants a change types `tcpnet link`.
 */
import { chmodSync, existsSync, mkdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { LinkSyntaxError } from "#device/link-error";
import { CLEAR_LINK } from "#device/link-profile";
import { linkText } from "#device/link-text";
import { type LinkProfiles, parseLinks, type TraceReader } from "#device/link-words";

/** A link that can be changed while it runs. */
export interface Controlled {
  profiles(): LinkProfiles;
  set(profiles: LinkProfiles): void;
  /** What happened so far, by name. */
  counts(): { readonly there: Readonly<Record<string, number>>; readonly back: Readonly<Record<string, number>> };
}

export interface Answer {
  readonly ok: boolean;
  /** The link in netem's words, `out` and `in`; or what was wrong with the line. */
  readonly text: string;
  readonly counts?: ReturnType<Controlled["counts"]>;
}

const CLEAR: LinkProfiles = { out: CLEAR_LINK, in: CLEAR_LINK };
/** Longest line that is read. */
const LINE_MAX = 4_096;

/** Where the socket of a link lies, by the name of its (first) device. */
export function controlPath(name: string): string {
  const folder = process.getuid?.() === 0 ? "/run/tcpnet" : `${process.env.XDG_RUNTIME_DIR ?? "/tmp"}/tcpnet`;
  return `${folder}/link-${name}.sock`;
}

/** Carries out one line: `show`, `set WORDS` (all else is clear), `change WORDS` (all else stays), `clear`. */
export function control(link: Controlled, line: string, trace?: TraceReader): Answer {
  const [verb = "", ...rest] = line.trim().split(/\s+/);
  const words = rest.join(" ");
  try {
    if (verb === "set") link.set(parseLinks(words, CLEAR, trace));
    else if (verb === "change") link.set(parseLinks(words, link.profiles(), trace));
    else if (verb === "clear") link.set(CLEAR);
    else if (verb !== "show") return { ok: false, text: `"${verb}" is not one of show, set, change, clear` };
  } catch (error) {
    if (error instanceof LinkSyntaxError) return { ok: false, text: error.message };
    throw error;
  }
  return { ok: true, text: profilesText(link.profiles()), counts: link.counts() };
}

/** Both directions in the words that made them. */
export function profilesText({ out, in: back }: LinkProfiles): string {
  const [there, home] = [linkText(out), linkText(back)];
  if (there === home) return there === "" ? "clear" : there;
  return `out ${there || "clear"} in ${home || "clear"}`;
}

/** Listens at `path` until the answer is called. A socket that nobody listens at any more is replaced. */
export async function listenForControl(path: string, link: Controlled, trace?: TraceReader): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  if (existsSync(path)) {
    if (await isAlive(path)) throw new Error(`${path} is in use by another tcpnet`);
    unlinkSync(path);
  }
  const server = Bun.listen<{ text: string }>({
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
  // Only its owner may worsen a link.
  chmodSync(path, 0o600);
  return () => {
    server.stop(true);
    if (existsSync(path)) unlinkSync(path);
  };
}

/** Sends one line to the link that listens at `path`. Rejects with the system's error where nobody does. */
export function askControl(path: string, line: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
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
  });
}

async function isAlive(path: string): Promise<boolean> {
  try {
    await askControl(path, "show");
    return true;
  } catch {
    return false;
  }
}

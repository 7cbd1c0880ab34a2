/** Where the bytes of a connection come from and go to: files, or standard input and output. All are opened before anything else. */
import { closeSync, readFileSync } from "node:fs";
import { usageError } from "./cli-error.ts";
import { openToRead, refuseDirectory } from "./named-files.ts";
import { refuseClosedOutput, STDERR, STDOUT } from "./print.ts";
import { FileSink, FileSource, kindOf, type Sink, type Source } from "./pump.ts";
import { ReceivedFile } from "./received-file.ts";
import { type FileInUse, refuseSameFile } from "./same-file.ts";
import type { SessionOptions } from "./session-options.ts";
import { isTerminal } from "./terminal.ts";

const STDIN = 0;
const INPUT = "standard input";
const OUTPUT = "standard output";

/** What a connection sends from and receives into. */
export interface Ends {
  /** What the next connection sends, until `leave` says that it is over. */
  source(): Source;
  /** The connection is over: what it has not read is for the next one. */
  leave(): void;
  /** Why the next connection will be sent nothing, or "". */
  readonly exhausted: string;
  /** What is sent is a file of which a part is useless: not something typed, not a stream without end. */
  readonly sendsWhole: boolean;
  readonly sink: Sink;
  /** Our direction closes after the peer's: there is nothing to send. */
  readonly listenOnly: boolean;
  /** A person types here: no line may be redrawn in between. */
  readonly typing: boolean;
  /** What comes appears on this terminal: from then on no line may be redrawn either. */
  readonly shown: boolean;
  /** Throws CliError where only now something turns out not to have been written. */
  close(): void;
}

type Options = Pick<
  SessionOptions,
  "send" | "recv" | "write" | "events" | "service" | "keep" | "listenOnly" | "impairment"
>;

/** Throws CliError, before anything has changed. */
export function openEnds(options: Options): Ends {
  const { send, recv, write, events, keep, listenOnly, service } = options;
  refuseSameFile(filesInUse(options));
  const pipe = service.kind === "pipe";
  if ((pipe && recv === undefined) || write === "-" || events === "-") refuseClosedOutput();
  const reader = send === undefined ? standardInput(keep, pipe) : sentFile(send, keep);
  let sink: Sink & { close?(): void };
  try {
    sink = recv === undefined ? new FileSink(STDOUT, OUTPUT) : new ReceivedFile(recv);
  } catch (error) {
    reader.close();
    throw error;
  }
  return {
    source: () => reader.source(),
    leave: () => reader.leave(),
    get exhausted() {
      return reader.exhausted;
    },
    sendsWhole: reader.sendsWhole,
    sink,
    listenOnly,
    typing: send === undefined && isTerminal(STDIN) && !listenOnly,
    shown: recv === undefined && isTerminal(STDOUT),
    close: () => {
      reader.close();
      sink.close?.();
    },
  };
}

type Reader = Pick<Ends, "source" | "leave" | "exhausted" | "sendsWhole" | "close">;

function sentFile(path: string, keep: boolean): Reader {
  const fd = openToRead(path);
  const kind = kindOf(fd);
  if (keep && kind === "stream") {
    closeSync(fd);
    const why = "a pipe can be read only once, but every client gets the whole data";
    throw usageError(`--keep cannot send ${path} to every client`, why, "send a file, or leave out --keep");
  }
  const rereads = keep && (kind === "file" || kind === "disk");
  return reader(fd, path, rereads ? 0 : null, kind === "file" || kind === "disk", () => closeSync(fd));
}

function standardInput(keep: boolean, pipe: boolean): Reader {
  if (pipe) refuseDirectory(STDIN, INPUT, "read");
  const file = kindOf(STDIN) === "file";
  return reader(STDIN, INPUT, keep && file ? positionOf(STDIN) : null, file, () => {});
}

/** @param start where in the file each connection begins; null: each goes on where the one before ended. */
function reader(fd: number, path: string, start: number | null, sendsWhole: boolean, close: () => void): Reader {
  const shared = start === null ? new FileSource(fd, path) : null;
  return {
    source: () => shared ?? new FileSource(fd, path, start),
    leave: () => shared?.leave(),
    get exhausted() {
      return shared?.isSpent && shared.bytes > 0 ? `all of ${path} has been sent already` : "";
    },
    sendsWhole,
    close,
  };
}

/** Where the shell, or who read before us, left the descriptor. */
function positionOf(fd: number): number {
  return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? 0);
}

/** Every file of the command line. */
function filesInUse(options: Options): FileInUse[] {
  const { send, recv, write, events, service, listenOnly, impairment } = options;
  const pipe = service.kind === "pipe";
  const files: FileInUse[] = [];
  const add = (name: string, at: string | number, use: FileInUse["use"]) => files.push({ name, at, use });
  if (send !== undefined) add(`--send ${send}`, send, "read");
  else if (pipe && !listenOnly) add(INPUT, STDIN, "read");
  for (const trace of impairment?.traces ?? []) add(`the trace ${trace}`, trace, "read");
  if (recv !== undefined) add(`--recv ${recv}`, recv, "written");
  else if (pipe) add(OUTPUT, STDOUT, "written");
  for (const [flag, path] of [
    ["--write", write],
    ["--events", events],
  ] as const) {
    if (path !== undefined) add(`${flag} ${path}`, path === "-" ? STDOUT : path, "written");
  }
  add("standard error", STDERR, "written");
  return files;
}

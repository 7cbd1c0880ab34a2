/** The source and destination of a connection's data: files, or standard input and output. All are opened before anything else. */
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

/** The source and the destination of connections. */
export interface Ends {
  /** The source for the next connection, until `leave` ends it. */
  source(): Source;
  /** The connection is over: unread data is for the next one. */
  leave(): void;
  /** Why there is no data for the next connection; "" if there is some. */
  readonly exhausted: string;
  /** Whether the source is a file, of which a part is useless, and not typed text or an endless stream. */
  readonly sendsWhole: boolean;
  readonly sink: Sink;
  /** There is nothing to send: our direction closes after the peer's. */
  readonly listenOnly: boolean;
  /** Standard input is a keyboard, so no progress line may be drawn. */
  readonly typing: boolean;
  /** Received data appears on this terminal, so no progress line may be drawn after it begins. */
  readonly shown: boolean;
  /** Closes the files. Throws CliError for a late write error. */
  close(): void;
}

type Options = Pick<
  SessionOptions,
  "send" | "recv" | "write" | "events" | "report" | "save" | "service" | "keep" | "listenOnly" | "impairment"
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

/** The descriptor's position, as the shell or another program left it. */
function positionOf(fd: number): number {
  return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? 0);
}

/** All files of the command line. */
function filesInUse(options: Options): FileInUse[] {
  const { send, recv, write, events, report, save, service, listenOnly, impairment } = options;
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
    ["--report", report],
    ["--save", save],
  ] as const) {
    if (path !== undefined) add(`${flag} ${path}`, path === "-" ? STDOUT : path, "written");
  }
  add("standard error", STDERR, "written");
  return files;
}

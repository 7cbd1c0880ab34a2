/** --save of a command: takes the events of its run, and writes the replay file when the run is over. */
import { closeSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { EventSink } from "#observe/events";
import { type ReplayHead, ReplayRecord } from "#observe/replay";
import { version } from "../../package.json";
import { unshield } from "./argv.ts";
import { CliError, usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { openToRead, openToWrite, truncate } from "./named-files.ts";
import { outputFailure, writeWhole } from "./print.ts";
import type { Voice } from "./voice.ts";

export interface SavedFiles {
  readonly files?: Readonly<Record<string, string>>;
  readonly captures?: readonly (string | undefined)[];
}

interface Capture {
  readonly path: string;
  /** -1: it cannot be read. */
  readonly fd: number;
}

export class RunSave {
  readonly path: string;
  readonly sink: EventSink;
  readonly #record: ReplayRecord;
  readonly #fd: number;
  readonly #captures: readonly Capture[];

  /** @param more files that belong to the run: texts of those that the flags name, and captures, which exist already. Throws CliError */
  constructor(path: string, command: string, { args, flags }: Call, { files = {}, captures = [] }: SavedFiles = {}) {
    if (path === "-") throw usageError("--save needs a file", "it is a compressed file", "--save run.replay");
    this.path = path;
    this.#fd = openToWrite(path).fd;
    const given = plainFlags(flags.values);
    this.#record = new ReplayRecord({ program: `tcpnet ${version}`, command, arguments: args, flags: given, files });
    this.sink = this.#record;
    this.#captures = captures.flatMap((each) => (each === undefined || each === "-" ? [] : [captureOf(each)]));
  }

  /** Writes the file, with the captures if there are any; returns those that cannot be read. Throws CliError. */
  end(digest: string | null): string[] {
    const missing = this.#captures.filter((each) => !this.#take(each)).map(({ path }) => path);
    try {
      truncate(this.#fd);
      for (const block of this.#record.end(digest)) writeWhole(this.#fd, block);
    } catch (error) {
      throw outputFailure(this.path, error as NodeJS.ErrnoException);
    }
    closeSync(this.#fd);
    return missing;
  }

  #take({ path, fd }: Capture): boolean {
    if (fd < 0) return false;
    this.#record.capture(basename(path), readFileSync(fd));
    closeSync(fd);
    return true;
  }
}

/** The same for a command with a voice: says where the file is. */
export function tellSaved(save: RunSave | null, voice: Voice): void {
  if (save === null) return;
  for (const path of save.end(null))
    voice.warn({ what: `${path} is not in ${save.path}`, why: "it is no file that can be read again", fix: "" });
  voice.lines("saved", { path: save.path }, [`  saved   ${save.path}: open it with tcpnet replay`]);
}

/** Opened at once, with the rights of the user who named it. What is written to a pipe is for its reader. */
function captureOf(path: string): Capture {
  try {
    return { path, fd: isPipe(path) ? -1 : openToRead(path) };
  } catch (error) {
    if (error instanceof CliError) return { path, fd: -1 };
    throw error;
  }
}

function isPipe(path: string): boolean {
  try {
    return !statSync(path).isFile();
  } catch {
    // Opened before this user, who may not see it, took over.
    return false;
  }
}

/** What cac knows of the flags, without what it adds. */
function plainFlags(values: Readonly<Record<string, unknown>>): ReplayHead["flags"] {
  const plain: Record<string, string | boolean | string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (name === "--") continue;
    if (typeof value === "string") plain[name] = unshield(value);
    else if (typeof value === "boolean") plain[name] = value;
    else if (Array.isArray(value)) plain[name] = value.map((each) => unshield(String(each)));
  }
  return plain;
}

/** --save of a command: takes the events of its run, and writes the replay file when the run is over. */
import { closeSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { EventSink } from "#observe/events";
import { type ReplayHead, ReplayRecord } from "#observe/replay";
import { version } from "../../package.json";
import { unshield } from "./argv.ts";
import { usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { openToWrite, truncate } from "./named-files.ts";
import { outputFailure, writeWhole } from "./print.ts";
import type { Voice } from "./voice.ts";

export class RunSave {
  readonly path: string;
  readonly sink: EventSink;
  readonly #record: ReplayRecord;
  readonly #fd: number;

  /** @param files texts of the files that the flags name. Throws CliError */
  constructor(path: string, command: string, { args, flags }: Call, files: Readonly<Record<string, string>> = {}) {
    if (path === "-") throw usageError("--save needs a file", "it is a compressed file", "--save run.replay");
    this.path = path;
    this.#fd = openToWrite(path).fd;
    const given = plainFlags(flags.values);
    this.#record = new ReplayRecord({ program: `tcpnet ${version}`, command, arguments: args, flags: given, files });
    this.sink = this.#record;
  }

  /** Writes the file, with the captures if there are any; returns those that cannot be read. Throws CliError. */
  end(digest: string | null, captures: readonly string[] = []): string[] {
    const missing = captures.filter((path) => !this.#take(path));
    try {
      truncate(this.#fd);
      for (const block of this.#record.end(digest)) writeWhole(this.#fd, block);
    } catch (error) {
      throw outputFailure(this.path, error as NodeJS.ErrnoException);
    }
    closeSync(this.#fd);
    return missing;
  }

  #take(path: string): boolean {
    let data: Uint8Array;
    try {
      data = readFileSync(path);
    } catch {
      return false;
    }
    this.#record.capture(basename(path), data);
    return true;
  }
}

/** The same for a command with a voice: says where the file is. */
export function tellSaved(save: RunSave | null, voice: Voice, captures: readonly (string | undefined)[] = []): void {
  if (save === null) return;
  const files = captures.filter((path) => path !== undefined && path !== "-") as string[];
  const missing = save.end(null, files);
  for (const path of missing)
    voice.warn({ what: `${path} is not in ${save.path}`, why: "it cannot be read by this user", fix: "" });
  voice.lines("saved", { path: save.path }, [`  saved   ${save.path}: open it with tcpnet replay`]);
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

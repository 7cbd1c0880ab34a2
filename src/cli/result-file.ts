import { closeSync } from "node:fs";
import { openToWrite, truncate } from "./named-files.ts";
import { outputFailure, refuseClosedOutput, STDOUT, writeWhole } from "./print.ts";

/** Characters per write. */
const CHUNK = 1 << 16;

/** A file for text that is written in pieces. What it held before is kept until the first piece is written. */
export class ResultFile {
  /** For messages. */
  readonly name: string;
  /** Whether the text takes the place of something. */
  readonly overwrites: boolean;
  readonly #fd: number;
  #waiting = "";
  #isBegun = false;

  /** @param path "-": standard output. Throws CliError if it cannot be written. */
  constructor(path: string) {
    this.name = path === "-" ? "standard output" : path;
    if (path === "-") refuseClosedOutput();
    const { fd, hasContent } = path === "-" ? { fd: STDOUT, hasContent: false } : openToWrite(path);
    this.#fd = fd;
    this.overwrites = hasContent;
  }

  /** Throws OutputClosed, or CliError. */
  put(text: string): void {
    this.#waiting += text;
    if (this.#waiting.length > CHUNK) this.#flush();
  }

  /** Throws OutputClosed, or CliError. */
  close(): void {
    this.#flush();
    if (this.#fd !== STDOUT) closeSync(this.#fd);
  }

  #flush(): void {
    const text = this.#waiting;
    this.#waiting = "";
    try {
      if (!this.#isBegun && this.#fd !== STDOUT) truncate(this.#fd);
      this.#isBegun = true;
      writeWhole(this.#fd, text);
    } catch (error) {
      throw outputFailure(this.name, error as NodeJS.ErrnoException);
    }
  }
}

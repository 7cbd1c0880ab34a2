import { demoFiles, makeRecordFolder, removeRecord } from "../demo-record.ts";
import type { Voice } from "../voice.ts";
import { LiveFiles } from "./live-files.ts";
import { LivePage } from "./live-page.ts";

/** The live page of a demo whose programs record in files. A browser does not reach the loopback of their private network. */
export class OutsidePage {
  readonly folder = makeRecordFolder();
  readonly #page: LivePage;

  /** Throws CliError. */
  constructor(port: number, voice: Voice) {
    try {
      this.#page = new LivePage(port, "tcpnet demo", new LiveFiles(demoFiles(this.folder)));
    } catch (error) {
      removeRecord(this.folder);
      throw error;
    }
    this.#page.announce(voice);
  }

  async end(): Promise<void> {
    await this.#page.end();
    removeRecord(this.folder);
  }
}

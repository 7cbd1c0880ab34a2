/** A run that other processes record in files: read anew for each picture. */
import { statSync } from "node:fs";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { CliError } from "../cli-error.ts";
import { readEventFiles } from "../event-files.ts";
import { EVENTS_MAX, type LiveSource } from "./live-page.ts";

export class LiveFiles implements LiveSource {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** Octets. */
  get size(): number {
    return this.#paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  /** What is there so far; the last lines may be torn. */
  build(): Run {
    const builder = new RunBuilder();
    let missing = 0;
    let last = 0;
    try {
      readEventFiles(this.#paths, {
        event: (event) => {
          last = event.time;
          if (builder.events < EVENTS_MAX) builder.event(event);
          else missing++;
        },
      });
    } catch (error) {
      // One of the programs has not begun.
      if (!(error instanceof CliError)) throw error;
    }
    if (missing > 0) builder.event({ event: "run:gap", time: last, who: "page", missing });
    return builder.build();
  }
}

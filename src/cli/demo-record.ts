/** The record of the demo: both sides and the link in one file. */
import { mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventSink, RunEvent, RunStarted } from "#observe/events";
import type { DemoOptions } from "./demo-plan.ts";
import type { Role } from "./endpoint.ts";
import { readEventFiles } from "./event-files.ts";
import { EventWriter } from "./event-writer.ts";
import { DEMO_RECORD, fromOutside } from "./isolation.ts";

const eventFile = (folder: string, role: Role): string => join(folder, `${role}.ndjson`);

/** Where host and peer record. */
export const demoFiles = (folder: string): string[] =>
  (["host", "peer"] as const).map((role) => eventFile(folder, role));

/** A folder for them, ours alone. */
export const makeRecordFolder = (): string => mkdtempSync(join(tmpdir(), "tcpnet-demo-"));

/** Removes these files and their folder, and nothing else. */
export function removeRecord(folder: string): void {
  for (const file of demoFiles(folder)) rmSync(file, { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // It is not there any more, or has other files in it, which are not ours.
  }
}

/** Merges what host and peer record, and writes it to the file of --events and to further sinks. */
export class DemoRecord {
  /** Null if nothing is recorded. */
  readonly sink: EventSink | null;
  readonly #writer: EventWriter | null;
  readonly #options: DemoOptions;
  readonly #epoch: number;
  #folder = "";
  /** The process outside has made the folder, and reads in it. */
  readonly #isOutsiders: boolean;
  #begun = false;

  /** @param began seconds since 1970 at time 0 of the screen. Throws CliError. */
  constructor(options: DemoOptions, began: number, sinks: readonly EventSink[]) {
    this.#options = options;
    this.#folder = fromOutside(DEMO_RECORD) ?? "";
    this.#isOutsiders = this.#folder !== "";
    this.#epoch = Math.round(began * 1e6);
    this.#writer = options.events === undefined ? null : new EventWriter(options.events);
    const all = [...(this.#writer === null ? [] : [this.#writer]), ...sinks];
    this.sink = all.length === 0 ? null : { event: (event) => this.#pass(all, event) };
  }

  /** The arguments that make one of the two programs record. Its file is ours alone and removed at the end. */
  argumentsFor(role: Role): string[] {
    if (this.sink === null && !this.#isOutsiders) return [];
    if (this.#folder === "") this.#folder = makeRecordFolder();
    return ["--events", eventFile(this.#folder, role)];
  }

  /** Merges the files of the two programs, if there are any, and closes the file of --events. */
  end(): void {
    try {
      if (this.#folder !== "" && this.sink !== null) readEventFiles(demoFiles(this.#folder), this.sink);
      this.#writer?.close();
    } finally {
      this.remove();
    }
  }

  /** Removes the files of the two programs. */
  remove(): void {
    if (this.#folder !== "" && !this.#isOutsiders) removeRecord(this.#folder);
    this.#folder = "";
  }

  /** The two begin together: one of their first lines is that of the demo. */
  #pass(sinks: readonly EventSink[], event: RunEvent): void {
    if (event.event === "run:started") {
      if (this.#begun) return;
      this.#begun = true;
      event = this.#started(event);
    }
    for (const sink of sinks) sink.event(event);
  }

  /** Time 0 is the screen's. Events are on the driver's clock, or on that of the files, which is µs since 1970. */
  #started(first: RunStarted): RunStarted {
    const epoch = this.#epoch;
    const time = first.time + epoch - (first.epoch ?? epoch);
    const { size, mtu, impairment } = this.#options;
    const link = impairment?.text ?? "clean";
    const about = { command: "demo", size, mtu, link, seed: impairment?.seed ?? null };
    return { event: "run:started", time, who: "demo", epoch, about };
  }
}

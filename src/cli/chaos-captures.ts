/** The captures of chaos: one file for each device. */
import type { Device } from "#device/device";
import { joinObservers } from "#device/link-observers";
import type { Chaos } from "#lab/chaos/chaos";
import type { CaptureFile } from "#observe/capture-file";
import type { MarkedCapture } from "#observe/marked-capture";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";
import { type RecordFile, recordAt } from "./named-files.ts";
import { besideCapture, capturedSide, captureTarget, endCapture } from "./open-capture.ts";
import type { Voice } from "./voice.ts";

type SideName = "a" | "b";

interface Capturing {
  readonly capture: CaptureFile;
  readonly sink: MarkedCapture;
  readonly path: string;
  readonly side: SideName;
}

export class ChaosCaptures {
  readonly #voice: Voice;
  readonly #paths: Readonly<Record<SideName, string | undefined>>;
  readonly #files: Readonly<Record<SideName, RecordFile | null>>;
  readonly #capturing: Capturing[] = [];

  /** @param second the name of the second device. Throws CliError. */
  constructor(flags: Flags, second: string, voice: Voice) {
    const write = captureTarget(flags);
    if (write === "-" && flags.text("events") === "-") {
      const what = "standard output cannot carry both the capture and the events";
      throw usageError(what, "", "write the events to a file");
    }
    this.#voice = voice;
    this.#paths = { a: write, b: besideCapture(write, second) };
    this.#files = { a: recordAt(this.#paths.a), b: recordAt(this.#paths.b) };
  }

  /** Where the packets are written. */
  get paths(): readonly (string | undefined)[] {
    return [this.#paths.a, this.#paths.b];
  }

  /** Puts a capture in front of the device, if one is wanted. */
  wrap(device: Device, side: SideName): Device {
    const path = this.#paths[side];
    if (path === undefined) return device;
    const { device: wrapped, capture, sink } = capturedSide(device, path, this.#files[side], this.#voice);
    this.#capturing.push({ capture, sink, path, side });
    return wrapped;
  }

  /** Observes the links, whose losses are marked. */
  watch(chaos: Chaos): void {
    for (const { sink, side } of this.#capturing) {
      const link = chaos[side].outgoing;
      link.observer = joinObservers(link.observer, sink);
    }
  }

  /** Closes the files and prints their summaries. False if one is incomplete. */
  async end(): Promise<boolean> {
    let isComplete = true;
    for (const { capture, path } of this.#capturing)
      isComplete = (await endCapture(capture, path, this.#voice)) && isComplete;
    return isComplete;
  }
}

import type { Trace } from "#base/trace";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { linksText } from "#device/link-text";
import { EventFile } from "#observe/event-file";
import type { EventSink, RunStarted } from "#observe/events";
import type { OutputError } from "#observe/output-file";
import { Recorder } from "#observe/recorder";
import { counted } from "#observe/units";
import type { RecordFile } from "./named-files.ts";
import { tellIncomplete } from "./open-capture.ts";
import { tellDecisionsTo, tellTo } from "./packet-teller.ts";
import type { SessionOptions } from "./session-options.ts";
import { hasView } from "./terminal.ts";
import type { Voice } from "./voice.ts";

/** The other end of the link, by the role of the stack. */
const OTHER: Readonly<Record<string, string>> = { host: "peer", peer: "host", stack: "command" };

/** What there is to explain, and how. */
export interface Explained
  extends Pick<SessionOptions, "events" | "packets" | "keep" | "explain" | "watch" | "offload" | "impairment"> {
  readonly endpoint: {
    readonly role: string;
    readonly tun: string;
    readonly local: unknown;
    readonly remote: unknown;
  };
}

/** Handles --events, a file of all events, --packets, which prints every segment, and --explain, which prints every decision as well. */
export class Explanation {
  readonly #voice: Voice;
  readonly #options: Explained;
  readonly file: EventFile | null;
  readonly #recorder: Recorder | null;

  /**
   * @param file for the events, unless they go to standard output. @param sinks take the events as well
   */
  constructor(options: Explained, file: RecordFile | null, voice: Voice, sinks: readonly EventSink[] = []) {
    this.#voice = voice;
    this.#options = options;
    const { events, packets, keep, explain, watch } = options;
    const onEnd = ({ message }: OutputError) => voice.warn({ what: message, why: "", fix: "" });
    const started = runStarted(options, voice.zero);
    this.file = events === undefined ? null : new EventFile({ path: events, open: file?.open, onEnd }, started);
    for (const sink of sinks) sink.event(started);
    const words = packets ? [tellTo(voice, { decisions: explain, isNumbered: keep })] : [];
    // The dashboard's log tells decisions, and programs that draw one get them.
    if (watch && !explain) words.push(tellDecisionsTo(voice, () => voice.manner === "json" || hasView()));
    const all = [...(this.file === null ? [] : [this.file]), ...words, ...sinks];
    this.#recorder = all.length === 0 ? null : new Recorder(all);
  }

  get isWanted(): boolean {
    return this.#recorder !== null;
  }

  /** Follows the stack, and the link in front of the device if there is one. Packets of the wire are told one by one unless the device cuts. */
  follow(trace: Trace, device: Device): void {
    const { offload, impairment, endpoint } = this.#options;
    this.#recorder?.follow(trace, endpoint.role, !offload || impairment !== null);
    if (!(device instanceof ImpairDevice)) return;
    const other = OTHER[endpoint.role]!;
    this.#recorder?.watch(device.out, `${endpoint.role}>${other}`);
    this.#recorder?.watch(device.in, `${other}>${endpoint.role}`);
  }

  /** Follows the stack of one queue of a device, which has no link. */
  followStack(trace: Trace): void {
    this.#recorder?.follow(trace, this.#options.endpoint.role, !this.#options.offload);
  }

  /** Handles the records since the last call. */
  read(): void {
    this.#recorder?.read();
  }

  /** Closes the file and prints its summary. False if it is incomplete because of a write error. */
  async end(): Promise<boolean> {
    return this.file === null || (await endEvents(this.file, this.#options.events, this.#voice));
  }
}

function runStarted({ endpoint, impairment }: Explained, time: number): RunStarted {
  const { role, tun, local, remote } = endpoint;
  const link = impairment === null ? {} : { link: linksText(impairment.profiles), seed: impairment.seed };
  const about = { role, tun, local: `${local}`, remote: `${remote}`, ...link };
  return { event: "run:started", time, who: role, epoch: epochAt(time), about };
}

/** µs since 1970 at a time of the driver's clock, as captures have it. */
export function epochAt(time: number): number {
  return Math.round(performance.timeOrigin * 1_000 + time);
}

/** Closes an event file and prints its summary. False if it is incomplete because of a write error. */
export async function endEvents(file: EventFile, path: string | undefined, voice: Voice): Promise<boolean> {
  await file.close();
  const { events, lost, missed, error } = file;
  const facts = { path, events, lost, missed };
  if (error !== null) {
    const missing = `${counted(missed, "event")} of ${events + missed} are missing`;
    tellIncomplete("the event file", path, error, missing, voice);
    voice.lines("events", facts, []);
    return false;
  }
  const left = lost > 0 ? `, ${lost} were dropped because the reader was too slow` : "";
  const where = path === "-" ? "standard output" : path;
  voice.lines("events", facts, [`  events  ${events} events written to ${where}${left}`]);
  return true;
}

import type { Device } from "#device/device";
import type { ControlSocket } from "#lab/chaos/control";
import type { CaptureFile } from "#observe/capture-file";
import type { EventFile } from "#observe/event-file";
import type { EventSink } from "#observe/events";
import { OutputError } from "#observe/output-file";
import type { Call } from "./commands.ts";
import type { Role } from "./endpoint.ts";
import { type Ends, openEnds } from "./ends.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import { Explanation } from "./explanation.ts";
import { controlLink } from "./link-control.ts";
import { mayMake, type RecordFile, recordAt } from "./named-files.ts";
import { captured, endCapture } from "./open-capture.ts";
import { tellNewDevice } from "./open-device.ts";
import { runsAs } from "./privileges.ts";
import { RunSave, tellSaved } from "./replay-file.ts";
import { RunReport, tellReport } from "./report-file.ts";
import { Session } from "./session.ts";
import { type SessionOptions, sessionOptions } from "./session-options.ts";
import { listenToSignals } from "./signals.ts";
import { speakWithoutWaiting } from "./terminal.ts";
import { Voice } from "./voice.ts";
import { watchSession } from "./watch/session-view.ts";
import { LivePage } from "./web/live-page.ts";
import { withDevice } from "./with-device.ts";

/** Opens everything that may need privileges. */
interface Opened {
  readonly ends: Ends;
  readonly device: Device;
  readonly write: RecordFile | null;
  readonly events: RecordFile | null;
  readonly report: RunReport | null;
  readonly save: RunSave | null;
  readonly control: ControlSocket | null;
}

/** Runs `host` and `peer`. They differ only in which side opens. */
export async function runSession(role: Role, call: Call): Promise<number> {
  const options = sessionOptions(role, call);
  if (options.queues > 1) return (await import("./queue-session.ts")).runQueues(options, call);
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const ends = openEnds(options);
  let code: number;
  try {
    const records = () => ({
      write: recordAt(options.write),
      events: recordAt(options.events),
      report: options.report === undefined ? null : new RunReport(options.report),
      save: options.save === undefined ? null : new RunSave(options.save, role, call, { captures: [options.write] }),
    });
    code = await withDevice(options, records, ({ device, control, more, endpoint }) =>
      converse({ ...options, endpoint }, { ends, device, control, ...more }, voice),
    );
  } catch (error) {
    // If closing a file fails as well, report the first error.
    closeQuietly(ends);
    throw error;
  }
  ends.close();
  return code;
}

function closeQuietly(ends: Ends): void {
  try {
    ends.close();
  } catch {
    // Another error is reported already.
  }
}

async function converse(options: SessionOptions, opened: Opened, voice: Voice): Promise<number> {
  const { device, capture } = captured(opened.device, options.write, opened.write, voice);
  const { report, save } = opened;
  const web = options.web === undefined ? null : new LivePage(options.web, `tcpnet ${options.endpoint.role}`);
  web?.announce(voice);
  const sinks: EventSink[] = [report, save].flatMap((each) => (each === null ? [] : [each.sink]));
  if (web !== null) sinks.push(web);
  const explanation = new Explanation(options, opened.events, voice, sinks);
  const session = await Session.open(options, opened.ends, device, voice, explanation, opened.device);
  if (options.endpoint.isNewDevice === true) tellNewDevice(options.endpoint.tun, voice);
  tellWhatStays([opened.write, opened.events], voice);
  const stop = listenToSignals({
    close: () => session.close(),
    abort: (code) => session.abort(code),
    figures: () => session.tellFigures(),
    reopen: () => reopen([capture, explanation.file], voice),
  });
  let endControl = () => {};
  const watch = watchSession(session, { options, device: opened.device }, voice);
  let code = EXIT_FAILURE;
  let complete = true;
  try {
    endControl = controlLink(opened.device, opened.control, voice);
    code = await session.run();
    // The stack keeps answering packets while slow readers are waited for.
    await Promise.all([capture?.drain(), explanation.file?.drain()]);
  } finally {
    watch?.end();
    await session.end();
    endControl();
    voice.tellCounts();
    complete = await endCapture(capture, options.write, voice, options.port);
    complete = (await explanation.end()) && complete;
    await tellReport(report, `tcpnet ${options.endpoint.role}`, voice);
    await web?.end();
    tellSaved(save, voice);
    stop();
  }
  return code === EXIT_OK && !complete ? EXIT_FAILURE : code;
}

/** A log rotator has moved the files away. False if there are none. */
export function reopen(files: readonly (CaptureFile | EventFile | null)[], voice: Voice): boolean {
  const open = files.filter((file) => file !== null);
  for (const file of open) {
    try {
      file.reopen();
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      voice.warn({ what: error.message, why: "further data is written to the file that was moved", fix: "" });
    }
  }
  return open.length > 0;
}

/** Without root's permissions SIGHUP may not be able to make a new file. Warns of this at the start. */
export function tellWhatStays(records: readonly (RecordFile | null)[], voice: Voice): void {
  const user = runsAs();
  if (user === null) return;
  for (const { path } of records.filter((file) => file !== null)) {
    if (mayMake(path)) continue;
    const text = `· to rotate ${path} by SIGHUP, add --keep-root: the user ${user} may not create files in its folder`;
    voice.event("no-reopening", { path, user }, text);
  }
}

import type { Device } from "#device/device";
import type { CaptureFile } from "#observe/capture-file";
import type { EventFile } from "#observe/event-file";
import { OutputError } from "#observe/output-file";
import type { Call } from "./commands.ts";
import type { Role } from "./endpoint.ts";
import { type Ends, openEnds } from "./ends.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import { Explanation } from "./explanation.ts";
import { controlLink } from "./link-control.ts";
import { captured, endCapture } from "./open-capture.ts";
import { openDevice, tellNewDevice } from "./open-device.ts";
import { Session } from "./session.ts";
import { type SessionOptions, sessionOptions } from "./session-options.ts";
import { listenToSignals } from "./signals.ts";
import { speakWithoutWaiting } from "./terminal.ts";
import { Voice } from "./voice.ts";

/** `host` and `peer`: they differ in who opens. */
export async function runSession(role: Role, call: Call): Promise<number> {
  const options = sessionOptions(role, call);
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const ends = openEnds(options);
  let code: number;
  try {
    const opened = openDevice(options.endpoint, options);
    try {
      const endpoint = { ...options.endpoint, isNewDevice: opened.temporary };
      code = await converse({ ...options, endpoint }, ends, opened.device, voice);
    } finally {
      opened.giveBack();
    }
  } catch (error) {
    // What a file has to say now comes second.
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
    // Something else has failed already, and is told.
  }
}

/** Where its file can not be had, the device is given back. */
function explained(options: SessionOptions, device: Device, voice: Voice): Explanation {
  try {
    return new Explanation(options, voice, performance.now() * 1000);
  } catch (error) {
    device.close();
    throw error;
  }
}

async function converse(options: SessionOptions, ends: Ends, opened: Device, voice: Voice): Promise<number> {
  const { device, capture } = captured(opened, options.write, voice);
  const explanation = explained(options, device, voice);
  const session = await Session.open(options, ends, device, voice, explanation);
  if (options.endpoint.isNewDevice === true) tellNewDevice(options.endpoint.tun, voice);
  const stop = listenToSignals({
    close: () => session.close(),
    abort: (code) => session.abort(code),
    figures: () => session.tellFigures(),
    reopen: () => reopen([capture, explanation.file], voice),
  });
  let endControl = () => {};
  let code = EXIT_FAILURE;
  let complete = true;
  try {
    endControl = await controlLink(opened, options.socket, voice);
    code = await session.run();
    // The stack answers while it lives: nothing that is read slowly keeps it from that.
    await Promise.all([capture?.drain(), explanation.file?.drain()]);
  } finally {
    await session.end();
    endControl();
    voice.tellCounts();
    complete = await endCapture(capture, options.write, voice);
    complete = (await explanation.end()) && complete;
    stop();
  }
  return code === EXIT_OK && !complete ? EXIT_FAILURE : code;
}

/** A log rotator has moved the files away. False where there is none. */
function reopen(files: readonly (CaptureFile | EventFile | null)[], voice: Voice): boolean {
  const open = files.filter((file) => file !== null);
  for (const file of open) {
    try {
      file.reopen();
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      voice.warn({ what: error.message, why: "what follows is written to the file that was moved", fix: "" });
    }
  }
  return open.length > 0;
}

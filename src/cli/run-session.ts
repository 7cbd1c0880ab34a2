import type { Device } from "#device/device";
import type { Call } from "./commands.ts";
import type { Role } from "./endpoint.ts";
import { type Ends, openEnds } from "./ends.ts";
import { Explanation } from "./explanation.ts";
import { controlLink } from "./link-control.ts";
import { captured, endCapture } from "./open-capture.ts";
import { openDevice } from "./open-device.ts";
import { Session } from "./session.ts";
import { type SessionOptions, sessionOptions } from "./session-options.ts";
import { listenToSignals } from "./signals.ts";
import { Voice } from "./voice.ts";

/** `host` and `peer`: they differ in who opens. */
export async function runSession(role: Role, call: Call): Promise<number> {
  const options = sessionOptions(role, call);
  const voice = new Voice(options.manner);
  const ends = openEnds(options);
  let code: number;
  try {
    const opened = openDevice(options.endpoint, options);
    try {
      code = await converse(options, ends, opened.device, voice);
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
  const stop = listenToSignals({
    close: () => session.close(),
    abort: (code) => session.abort(code),
    figures: () => session.tellFigures(),
    reopen: () => {
      capture?.reopen();
      return explanation.reopen() || capture !== null;
    },
  });
  let endControl = () => {};
  try {
    endControl = await controlLink(opened, options.socket, voice);
    return await session.run();
  } finally {
    await session.end();
    endControl();
    endCapture(capture, options.write, voice);
    explanation.end();
    stop();
  }
}

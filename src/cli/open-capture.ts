import { CaptureDevice } from "#device/capture";
import type { Device } from "#device/device";
import { CaptureFile } from "#observe/capture-file";
import type { Voice } from "./voice.ts";

/** A device whose packets are written to a file as the stack sees them, and that file; without a path the device alone. */
export function captured(
  device: Device,
  path: string | undefined,
  voice: Voice,
): { device: Device; capture: CaptureFile | null } {
  if (path === undefined) return { device, capture: null };
  try {
    const onEnd = ({ message, code }: Error & { code: string }) => {
      // Whoever closed Wireshark knows that it is closed.
      if (code !== "EPIPE") voice.warn({ what: message, why: "", fix: "" });
    };
    const capture = new CaptureFile({ path, name: device.name, onEnd });
    return { device: new CaptureDevice(device, capture), capture };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** Completes the file, and says what is in it. (Port 7000 is the default, and Gryphon's, as Wireshark has it.) */
export function endCapture(capture: CaptureFile | null, path: string | undefined, voice: Voice): void {
  if (capture === null) return;
  capture.flush();
  // That it ended early has been told.
  if (!capture.isOpen) return;
  capture.close();
  const { packets, dropped } = capture;
  const left = dropped > 0 ? `, ${dropped} left out: the reader was too slow` : "";
  const where = path === "-" ? "standard output" : `${path}   wireshark --disable-protocol gryphon ${path}`;
  voice.lines("capture", { path, packets, dropped }, [`  capture ${packets} packets${left} in ${where}`]);
}

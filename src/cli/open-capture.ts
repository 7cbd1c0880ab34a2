import { CaptureDevice, type CaptureSink } from "#device/capture";
import type { Device } from "#device/device";
import { ImpairDevice } from "#device/impair";
import type { Link } from "#device/link";
import { joinObservers } from "#device/link-observers";
import { CaptureFile } from "#observe/capture-file";
import { MarkedCapture } from "#observe/marked-capture";
import type { OutputError } from "#observe/output-file";
import { counted } from "#observe/units";
import { usageError } from "./cli-error.ts";
import type { Flags } from "./flags.ts";
import type { RecordFile } from "./named-files.ts";
import { STDOUT } from "./print.ts";
import { isTerminal, isTerminalFile } from "./terminal.ts";
import type { Voice } from "./voice.ts";

/** The file of --write. Throws CliError for a terminal, since a capture is binary. */
export function captureTarget(flags: Flags): string | undefined {
  const path = flags.text("write");
  if (path !== undefined) refuseTerminal(path, "-w out.pcapng, or live: -w - | wireshark -k -i -");
  return path;
}

/**
 * Where the packets of the other end go if those of the first one go to `path`: "demo.pcapng" → "demo-host.pcapng". Standard output has
 * room for one.
 */
export function besideCapture(path: string | undefined, end: string): string | undefined {
  if (path === undefined || path === "-") return undefined;
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") + 1 ? `${path.slice(0, dot)}-${end}${path.slice(dot)}` : `${path}-${end}`;
}

/** Throws CliError where a capture would go to a terminal. @param fix what to type instead */
export function refuseTerminal(path: string, fix: string): void {
  if (!(path === "-" ? isTerminal(STDOUT) : isTerminalFile(path))) return;
  const where = path === "-" ? "standard output" : path;
  throw usageError(
    `${where} is a terminal, and a capture is binary`,
    "it would fill the screen with control characters",
    fix,
  );
}

/**
 * Wraps a device so that its packets are written to a file; without a path returns the device unchanged.
 * @param file open already, unless the path is "-". @param far the link at the other end that carries its packets
 */
export function captured(
  device: Device,
  path: string | undefined,
  file: RecordFile | null,
  voice: Voice,
  far?: Link,
): { device: Device; capture: CaptureFile | null } {
  if (path === undefined) return { device, capture: null };
  try {
    const onEnd = ({ message }: OutputError) => voice.warn({ what: message, why: "", fix: "" });
    const capture = new CaptureFile({ path, open: file?.open, name: device.name, onEnd });
    return { device: new CaptureDevice(device, marked(device, capture, far)), capture };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** The same for a device from which packets go onto a link, which the sink must observe. */
export function capturedSide(
  device: Device,
  path: string,
  file: RecordFile | null,
  voice: Voice,
): { device: Device; capture: CaptureFile; sink: MarkedCapture } {
  const onEnd = ({ message }: OutputError) => voice.warn({ what: message, why: "", fix: "" });
  const capture = new CaptureFile({ path, open: file?.open, name: device.name, onEnd });
  const sink = new MarkedCapture(capture, { outbound: false });
  return { device: new CaptureDevice(device, sink), capture, sink };
}

/** Over a link, the packets that it loses are marked so. */
function marked(device: Device, capture: CaptureFile, far: Link | undefined): CaptureSink {
  const link = device instanceof ImpairDevice ? device.out : far;
  if (link === undefined) return capture;
  const sink = new MarkedCapture(capture, { outbound: true, isFar: link === far });
  link.observer = joinObservers(link.observer, sink);
  return sink;
}

/** Wireshark takes this port, the default of host and peer, for Gryphon's. */
const GRYPHON_PORT = 7000;

/**
 * Closes the file and prints its summary. False if it is incomplete because of a write error.
 * @param port of the only connection or listener in it, if there is one
 */
export async function endCapture(
  capture: CaptureFile | null,
  path: string | undefined,
  voice: Voice,
  port?: number,
): Promise<boolean> {
  if (capture === null) return true;
  await capture.close();
  const { packets, dropped, missed, error } = capture;
  const facts = { path, packets, dropped, missed };
  if (error !== null) {
    tellIncomplete(
      "the capture",
      path,
      error,
      `${counted(missed, "packet")} of ${packets + missed} are missing`,
      voice,
    );
    voice.lines("capture", facts, []);
    return false;
  }
  const left = dropped > 0 ? `, ${dropped} were dropped because the reader was too slow` : "";
  const flag = port === GRYPHON_PORT ? "--disable-protocol gryphon " : "";
  const where = path === "-" ? "standard output" : `${path}   wireshark ${flag}${path}`;
  voice.lines("capture", facts, [`  capture ${counted(packets, "packet")} written to ${where}${left}`]);
  return true;
}

/** Warns again at the end, since the first warning may have scrolled away. */
export function tellIncomplete(
  what: string,
  path: string | undefined,
  { reason }: OutputError,
  missing: string,
  voice: Voice,
): void {
  const name = path === "-" ? `${what} on standard output` : `${what} ${path}`;
  voice.warn({ what: `${name} is not complete`, why: `${missing}, because ${reason}`, fix: "" });
}

/** Captures as the package has them: those of `device` and `observe`, whose arguments are checked. */
import { CaptureDevice as Captured, type CaptureSink } from "#device/capture";
import type { Device } from "#device/device";
import { type CaptureChunksOptions, CaptureChunks as Chunks } from "#observe/capture-chunks";
import { checkDevice, checkObject, invalid, type Kind, shown, whole } from "./checks.ts";

const CHUNKS = {
  name: "a text",
  epoch: "a number",
  comments: "true or false",
  chunk: "a number",
} satisfies Record<keyof CaptureChunksOptions, Kind>;

/** Octets of the largest pieces. */
const CHUNK_MAX = 1 << 30;

/**
 * A pcapng capture, in pieces: each is a copy that the receiver may keep. Together, in order, they are a file for Wireshark. Needs nothing of
 * the system: in a browser, make a Blob of them; elsewhere, write them to a file.
 */
export class CaptureChunks extends Chunks {
  /**
   * @param take gets each piece, within the stack's turn: it must not block for long, nor throw
   * @throws CallError EINVAL.
   */
  constructor(take: (chunk: Uint8Array<ArrayBuffer>) => void, options: CaptureChunksOptions = {}) {
    if (typeof take !== "function")
      throw invalid(`CaptureChunks needs a function that takes the pieces, not ${shown(take)}`);
    checkObject("CaptureChunks' second argument", options, CHUNKS, '{ name: "client" }');
    if (options.chunk !== undefined) whole("chunk", options.chunk, 0, CHUNK_MAX);
    if (options.epoch !== undefined) whole("epoch", options.epoch, 0, Number.MAX_SAFE_INTEGER);
    super(take, options);
  }
}

/**
 * Copies every packet, in both directions, to a sink. Super-segments are copied whole, as the device gets them. A checksum
 * that is left to the device is completed in the copy, so that readers of the capture do not report it as wrong.
 */
export class CaptureDevice extends Captured {
  /** @throws CallError EINVAL. */
  constructor(inner: Device, sink: CaptureSink) {
    checkDevice(inner);
    const { begin, end } = (sink ?? {}) as Partial<CaptureSink>;
    if (typeof begin !== "function" || typeof end !== "function") {
      throw invalid(`CaptureDevice needs a sink such as new CaptureChunks(take), not ${shown(sink)}`);
    }
    super(inner, sink);
  }
}

/** A file is no capture, or one of a kind that cannot be read. The message says why. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
}

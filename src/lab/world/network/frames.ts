/** Frames of the WebSocket protocol (RFC 6455 §5), as a client sends and receives them. */

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
const CONTINUATION = 0;
/** §5.5: a control frame has at most so many octets. */
const CONTROL_MAX = 125;
/** More than a message may have here: 1 GiB. */
const MESSAGE_END = 2 ** 30;

/** What a server did wrong, and the status code that says so (§7.4.1). */
export class FrameError extends Error {
  readonly code: 1002 | 1007 | 1009;

  constructor(code: FrameError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** A masked frame (§5.3), final and not fragmented. */
export function frameOf(opcode: number, octets: Uint8Array, mask: Uint8Array): Uint8Array {
  const { length } = octets;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + extended + 4 + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) view.setUint16(2, length);
  if (extended === 8) view.setBigUint64(2, BigInt(length));
  const at = 2 + extended;
  frame.set(mask, at);
  for (let i = 0; i < length; i++) frame[at + 4 + i] = octets[i]! ^ mask[i & 3]!;
  return frame;
}

/** Puts messages together from what arrives. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);
  /** The type of the message whose fragments arrive; 0: none does. */
  #type = 0;
  #parts: Uint8Array[] = [];
  #length = 0;
  readonly #message: (opcode: number, octets: Uint8Array) => void;

  /** @param message takes messages and control frames, in order */
  constructor(message: (opcode: number, octets: Uint8Array) => void) {
    this.#message = message;
  }

  /** @throws FrameError */
  push(octets: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    for (;;) {
      const taken = this.#frame(this.#rest);
      if (taken === 0) return;
      this.#rest = this.#rest.subarray(taken);
    }
  }

  /** Takes one frame; 0: it is not whole. */
  #frame(octets: Uint8Array): number {
    if (octets.length < 2) return 0;
    const [first, second] = octets as unknown as [number, number];
    if ((first & 0x70) !== 0) throw new FrameError(1002, "a reserved bit is set, and no extension was agreed on");
    if ((second & 0x80) !== 0) throw new FrameError(1002, "a server's frame is masked");
    const short = second & 0x7f;
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (octets.length < 2 + extended) return 0;
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    const length = extended === 0 ? short : extended === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    if (length + this.#length >= MESSAGE_END)
      throw new FrameError(1009, `a message of more than ${MESSAGE_END} octets`);
    const end = 2 + extended + length;
    if (octets.length < end) return 0;
    this.#take(first & 0x0f, (first & 0x80) !== 0, octets.slice(2 + extended, end));
    return end;
  }

  #take(opcode: number, isLast: boolean, octets: Uint8Array): void {
    if (opcode >= CLOSE) {
      if (opcode > PONG) throw new FrameError(1002, `opcode ${opcode} does not exist`);
      if (!isLast || octets.length > CONTROL_MAX) throw new FrameError(1002, "a control frame is too long");
      this.#message(opcode, octets);
      return;
    }
    if (opcode > BINARY) throw new FrameError(1002, `opcode ${opcode} does not exist`);
    if ((opcode === CONTINUATION) === (this.#type === 0))
      throw new FrameError(1002, opcode === CONTINUATION ? "no message to continue" : "the last message has not ended");
    if (opcode !== CONTINUATION) this.#type = opcode;
    this.#parts.push(octets);
    this.#length += octets.length;
    if (!isLast) return;
    const [type, whole] = [this.#type, this.#parts.length === 1 ? octets : Buffer.concat(this.#parts)];
    this.#type = 0;
    this.#parts = [];
    this.#length = 0;
    this.#message(type, whole);
  }
}

/**
 * The blocks of a replay file: gzip members (RFC 1952) of whole lines, so that `zcat` reads the file. Each has its own size in an extra field, so that
 * they are written while the run goes on, and read one at a time.
 */

/** Octets of lines per block; a line that is longer has a block of its own. */
const BLOCK = 1 << 18;
/** Octets of the largest compressed block that is read: damaged or hostile files must not fill the memory. */
const BLOCK_MAX = 1 << 19;
/** Fixed header, the length of the extra field, and the field: two letters, its length, the size of the member. */
const HEADER = 20;
const TRAILER = 8;
const [ID_1, ID_2, DEFLATE, HAS_EXTRA, UNKNOWN_SYSTEM] = [0x1f, 0x8b, 8, 4, 255];
const [FIELD_1, FIELD_2] = [0x54, 0x4e];

/** A file is no replay file, damaged, or not whole. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** Whether a file begins as a gzip file does. */
export function isCompressed(begin: Uint8Array): boolean {
  return begin[0] === ID_1 && begin[1] === ID_2;
}

/** Collects lines and compresses them block by block. */
export class BlockWriter {
  readonly #blocks: Uint8Array[] = [];
  #waiting: string[] = [];
  #size = 0;

  line(text: string): void {
    this.#waiting.push(text, "\n");
    this.#size += text.length + 1;
    if (this.#size >= BLOCK) this.#close();
  }

  /** All blocks, the last one included. */
  end(): readonly Uint8Array[] {
    if (this.#size > 0) this.#close();
    return this.#blocks;
  }

  #close(): void {
    this.#blocks.push(compressed(Buffer.from(this.#waiting.join(""))));
    this.#waiting = [];
    this.#size = 0;
  }
}

function compressed(data: Uint8Array<ArrayBuffer>): Uint8Array {
  // Fast rather than small: this happens while a stack runs.
  const body = Bun.deflateSync(data, { level: 1 });
  const size = HEADER + body.length + TRAILER;
  const block = new Uint8Array(size);
  block.set([ID_1, ID_2, DEFLATE, HAS_EXTRA, 0, 0, 0, 0, 0, UNKNOWN_SYSTEM, 8, 0, FIELD_1, FIELD_2, 4, 0]);
  const view = new DataView(block.buffer);
  view.setUint32(HEADER - 4, size, true);
  block.set(body, HEADER);
  view.setUint32(size - 8, Bun.hash.crc32(data), true);
  view.setUint32(size - 4, data.length, true);
  return block;
}

/**
 * The lines of a replay file.
 * @param read the next octets of the file, exactly as many unless it ends. Throws ReplayError
 */
export function* blockLines(read: (n: number) => Uint8Array): Generator<string, void, void> {
  const decoder = new TextDecoder();
  for (;;) {
    const header = read(HEADER);
    if (header.length === 0) return;
    yield* decoder.decode(bodyOf(header, read)).split("\n").slice(0, -1);
  }
}

function bodyOf(header: Uint8Array, read: (n: number) => Uint8Array): Uint8Array {
  if (header.length < HEADER) throw new ReplayError("it ends in the middle of a block: it is not whole");
  const isOurs = isCompressed(header) && header[3] === HAS_EXTRA && header[12] === FIELD_1 && header[13] === FIELD_2;
  if (!isOurs) throw new ReplayError("it is compressed, but no replay file of tcpnet, or it is damaged");
  const size = new DataView(header.buffer, header.byteOffset).getUint32(HEADER - 4, true);
  if (size < HEADER + TRAILER || size > BLOCK_MAX)
    throw new ReplayError("it is damaged: a block has an impossible size");
  const rest = read(size - HEADER);
  if (rest.length < size - HEADER) throw new ReplayError("it ends in the middle of a block: it is not whole");
  return inflated(rest);
}

function inflated(rest: Uint8Array): Uint8Array {
  const trailer = new DataView(rest.buffer, rest.byteOffset + rest.length - TRAILER);
  try {
    const data = Bun.inflateSync(rest.slice(0, -TRAILER));
    if (Bun.hash.crc32(data) === trailer.getUint32(0, true) && data.length === trailer.getUint32(4, true)) return data;
  } catch {
    // Not even compressed data.
  }
  throw new ReplayError("it is damaged: a block does not match its checksum");
}

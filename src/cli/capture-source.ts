/** A capture of the command line: read in pieces, and unpacked while it is read. */
import { closeSync, readSync } from "node:fs";
import { CaptureError } from "#explain/capture/capture-error";
import { type CapturedPackets, CaptureReader } from "#explain/capture/capture-reader";
import { CliError, fileError } from "./cli-error.ts";
import { EXIT_NO_RECORD } from "./exit-codes.ts";
import { openToRead } from "./named-files.ts";

const CHUNK = 1 << 20;
const STDIN = 0;
/** RFC 1952 §2.3.1. */
const GZIP = [0x1f, 0x8b] as const;

/** What was read. */
export interface ReadCapture {
  readonly format: string;
  readonly size: number;
  /** What is wrong with the end of the file; "" if nothing is. */
  readonly damage: string;
  /** Packets that the capturing program says it missed. */
  readonly missed: number;
}

/** Passes the packets of a file to `to`. Throws CliError. */
export async function readCapture(path: string, to: CapturedPackets): Promise<ReadCapture> {
  const name = path === "-" ? "standard input" : path;
  const reader = new CaptureReader(name, to);
  let damage = "";
  try {
    const chunks = chunksOf(path);
    const first = beginning(chunks);
    const isPacked = GZIP.every((byte, i) => first[i] === byte);
    if (!isPacked) {
      reader.push(first);
      for (const chunk of chunks) reader.push(chunk);
    } else damage = await unpack(first, chunks, reader);
    const rest = reader.end();
    if (damage === "" && rest > 0) damage = `its last ${rest} bytes are no whole packet`;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    throw new CliError(
      EXIT_NO_RECORD,
      error.message,
      "",
      "tcpnet explain reads pcap and pcapng, as tcpdump -w and Wireshark write them",
    );
  }
  return { format: reader.format, size: reader.size, damage: reader.damage || damage, missed: reader.missed };
}

/** Enough octets to know what the file is, if it has as many: a pipe may give one at a time. */
function beginning(chunks: Iterator<Uint8Array, undefined>): Uint8Array {
  let first = new Uint8Array(0);
  while (first.length < GZIP.length) {
    const next = chunks.next();
    if (next.value === undefined) break;
    const both = new Uint8Array(first.length + next.value.length);
    both.set(first);
    both.set(next.value, first.length);
    first = both;
  }
  return first;
}

/** Returns why the end could not be unpacked; "" if it could. */
async function unpack(first: Uint8Array, chunks: Iterator<Uint8Array>, reader: CaptureReader): Promise<string> {
  let waiting: Uint8Array | null = first;
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const next = waiting ?? chunks.next().value;
      waiting = null;
      if (next === undefined || next === null) controller.close();
      else controller.enqueue(next.slice() as Uint8Array<ArrayBuffer>);
    },
  });
  try {
    for await (const chunk of packed.pipeThrough(new DecompressionStream("gzip"))) reader.push(chunk as Uint8Array);
  } catch (error) {
    if (error instanceof CaptureError || error instanceof CliError) throw error;
    return "its end cannot be unpacked: the gzip file is torn or damaged";
  }
  return "";
}

/** The file in pieces, which are overwritten by the next one. */
function* chunksOf(path: string): Generator<Uint8Array, undefined, void> {
  const fd = path === "-" ? STDIN : openToRead(path);
  const buffer = new Uint8Array(CHUNK);
  try {
    for (let n = read(fd, buffer, path); n > 0; n = read(fd, buffer, path)) yield buffer.subarray(0, n);
  } finally {
    if (fd !== STDIN) closeSync(fd);
  }
}

function read(fd: number, buffer: Uint8Array, path: string): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (code === "EOF") return 0;
    throw fileError(path, code, message, "read");
  }
}

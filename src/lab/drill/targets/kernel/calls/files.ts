import * as files from "#ffi/files";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { symbol } from "../../../constants/symbols.ts";
import { pattern } from "../../../packets/codec.ts";
import { DEVICE_FILES } from "../../../posix/files.ts";
import { type Attempt, done, failed, type Outcome, opened } from "../../../posix/sockets.ts";
import { patternFaults } from "../../../posix/stream.ts";
import { answered, answeredOrWaits, type KernelCall, KernelSocket } from "./connection.ts";
import { took } from "./io.ts";

/** Files and pipes, and the calls that transfer octets between them and sockets. */

const ACCESS = 3;
const NONBLOCK = symbol("O_NONBLOCK")!;
const SPLICE_NONBLOCK = symbol("SPLICE_F_NONBLOCK")!;

export function fileCall(call: KernelCall): Attempt | undefined {
  switch (call.name) {
    case "open":
      return () => open(call);
    case "pipe":
    case "pipe2":
      return () => pipe(call);
    case "splice":
      return () => move(call, splicing(call));
    case "sendfile":
      return () => move(call, sendingFile(call));
    default:
      return undefined;
  }
}

function move(call: KernelCall, prepared: sockets.Prepared<number> | undefined): Outcome | undefined {
  if (!prepared) return failed("EBADF");
  const n = prepared.finish(sockets.call(prepared.name, prepared.args));
  if (n >= 0) return moved(call, n);
  const patient = call.name === "splice" && (call.number(5) & SPLICE_NONBLOCK) === 0;
  return answeredOrWaits(n, !patient || (call.socket(0)?.nonblocking ?? true));
}

/** Records the octets that splice and sendfile moved: their place in a stream, and their values. */
export function moved(call: KernelCall, n: number): Outcome {
  if (n <= 0) return answered(n);
  const [from, to] = call.name === "splice" ? [call.socket(0)!, call.socket(2)!] : [call.socket(1)!, call.socket(0)!];
  const offset = call.name === "sendfile" && !isNone(call, 2) ? call.listed(2) : undefined;
  const bytes = from.content?.take(n, offset) ?? pattern(from.read, n);
  if (from.type === "stream") from.read += n;
  if (to.type === "stream") took(to, bytes, n);
  else to.content?.put(bytes);
  return done(n, ...(from.type === "stream" ? patternFaults(bytes, from.read - n) : []));
}

/** The content of a file, or of a pipe. */
export class Content {
  #bytes: Uint8Array;
  #at = 0;

  /** @param kind zeros are endless */
  constructor(
    readonly kind: "file" | "pipe" | "zeros",
    bytes: Uint8Array = new Uint8Array(0),
  ) {
    this.#bytes = bytes;
  }

  put(bytes: Uint8Array): void {
    if (this.kind !== "pipe") return;
    const all = new Uint8Array(this.#bytes.length - this.#at + bytes.length);
    all.set(this.#bytes.subarray(this.#at));
    all.set(bytes, all.length - bytes.length);
    this.#bytes = all;
    this.#at = 0;
  }

  /** @param offset absent: where the last one ended */
  take(n: number, offset?: number): Uint8Array {
    if (this.kind === "zeros" || n < 0) return new Uint8Array(Math.max(0, n));
    const from = offset ?? this.#at;
    if (offset === undefined) this.#at += n;
    return this.#bytes.slice(from, from + n);
  }
}

/** Devices are the machine's own; a file is an in-memory copy of one that the script may read. */
function open(call: KernelCall): Outcome {
  const path = call.value(0);
  if (path.kind !== "string") return call.unsupported("open without a file name");
  const flags = call.number(1);
  if (path.text in DEVICE_FILES)
    return file(libc.open(path.text, (flags & ACCESS) | libc.O_CLOEXEC), new Content("zeros"));
  const content = call.around.readFile(path.text);
  if (content === undefined) return call.unsupported(`open of ${path.text}`);
  if ((flags & ACCESS) !== 0) return call.unsupported("opening a file for writing");
  return file(files.fileOf(content), new Content("file", content));
}

function file(fd: number, content: Content): Outcome {
  return fd < 0 ? answered(fd) : opened(new KernelSocket(fd, undefined, false, "file", content));
}

/** `pipe([5, 6])`: the script chooses the descriptors. */
function pipe(call: KernelCall): Outcome {
  const list = call.value(0);
  if (list.kind !== "list" || list.items.length !== 2) return call.unsupported("pipe without [READ, WRITE]");
  const ends = files.pipe();
  if (typeof ends === "number") return answered(ends);
  const nonblocking = call.name === "pipe2" && (call.number(1) & NONBLOCK) !== 0;
  const content = new Content("pipe");
  list.items.forEach((item, i) => {
    call.around.table.set(call.numberOf(item), new KernelSocket(ends[i]!, undefined, nonblocking, "file", content));
  });
  return done(0);
}

function isNone(call: KernelCall, index: number): boolean {
  const value = call.value(index);
  return (value.kind === "word" && value.name === "NULL") || (value.kind === "integer" && value.value === 0);
}

/** Undefined: the script has no such descriptor. */
export function splicing(call: KernelCall): sockets.Prepared<number> | undefined {
  const [from, to] = [call.socket(0), call.socket(2)];
  if (!isNone(call, 1) || !isNone(call, 3)) return call.unsupported("splice with an offset against a kernel");
  return from && to && files.splicing(from.fd, to.fd, call.number(4), call.number(5));
}

export function sendingFile(call: KernelCall): sockets.Prepared<number> | undefined {
  const [to, from] = [call.socket(0), call.socket(1)];
  const offset = isNone(call, 2) ? undefined : call.listed(2);
  return to && from && files.sendingFile(to.fd, from.fd, offset, call.number(3));
}

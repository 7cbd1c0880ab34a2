import * as files from "#ffi/files";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { symbol } from "../../../constants/symbols.ts";
import { pattern } from "../../../packets/codec.ts";
import { type Control, messageFaults } from "../../../posix/messages.ts";
import { type Attempt, done, type Outcome } from "../../../posix/sockets.ts";
import { patternFaults } from "../../../posix/stream.ts";
import { type Transfer, transferOf } from "../../../posix/transfer.ts";
import { answered, answeredOrWaits, connects, type KernelCall, type KernelSocket, peerAddress } from "./connection.ts";
import { datagramRead, readDatagram, writeDatagram } from "./datagrams.ts";

const bit = (name: string): number => symbol(name)!;
const PEEK = bit("MSG_PEEK");
const TRUNC = bit("MSG_TRUNC");
const WAITALL = bit("MSG_WAITALL");
const DONTWAIT = bit("MSG_DONTWAIT");
const AGAIN = bit("EAGAIN");
const IN_PROGRESS = bit("EINPROGRESS");
const READABLE = bit("POLLIN") | bit("POLLRDHUP") | bit("POLLHUP") | bit("POLLERR");
const ERRQUEUE = bit("MSG_ERRQUEUE");
const OOB = bit("MSG_OOB");
const FASTOPEN = bit("MSG_FASTOPEN");
const ZEROCOPY = bit("MSG_ZEROCOPY");
/** A flag that the kernel sets by itself; scripts do not expect it. */
const CMSG_CLOEXEC = bit("MSG_CMSG_CLOEXEC");

export function ioCall(call: KernelCall): Attempt | undefined {
  const reading = /^(read|readv|recv|recvfrom|recvmsg)$/.test(call.name);
  if (!reading && !/^(write|writev|send|sendto|sendmsg)$/.test(call.name)) return undefined;
  const transfer = transferOf(call);
  return reading ? read(call, transfer) : write(call, transfer);
}

function read(call: KernelCall, t: Transfer): Attempt {
  const plain = isPlain(call);
  return call.on((s, now) => {
    const waits = !s.nonblocking && (t.flags & DONTWAIT) === 0;
    if (s.type === "epoll" && plain) return answered(run(files.reading(s.fd, t.count)));
    if (s.type === "file" && plain) {
      const n = run(files.reading(s.fd, t.count));
      s.content?.take(n);
      return answeredOrWaits(n, s.nonblocking);
    }
    if (s.type === "datagram") return readDatagram(call, s, t, waits);
    if (t.count === 0 && call.name.startsWith("read")) return answered(sockets.readNothing(s.fd));
    const aside = isAside(t);
    // A blocking read waits for SO_RCVLOWAT or for all octets, which the kernel's non-blocking read would not do.
    if (waits && t.count > 0 && !aside && !enoughIsThere(s, t)) return undefined;
    const before = receivingFor(s, t);
    const received = run(sockets.receiving(s.fd, t.count, t.flags, t.nowhere));
    if (received.n < 0) return answeredOrWaits(received.n, !waits || aside);
    return reads(call, s, t, before, received, now);
  });
}

/** read(2), write(2) and similar calls, which exist not only for sockets. */
function isPlain(call: KernelCall): boolean {
  return /^(read|write)v?$/.test(call.name);
}

/** The read takes something other than the stream. */
function isAside(t: Transfer): boolean {
  return (t.flags & (ERRQUEUE | OOB)) !== 0;
}

function run<T>({ name, args, finish }: sockets.Prepared<T>): T {
  return finish(sockets.call(name, args));
}

/** The place in the stream where a read begins. */
export interface Place {
  /** The urgent octet is at this place, and is skipped. */
  readonly stepsOver: boolean;
  /** The distance from the next octet to be read to the start of a peek. */
  readonly peeked: number;
}

export function receivingFor(s: KernelSocket, t: Transfer): Place {
  if (s.type === "datagram") return { stepsOver: false, peeked: 0 };
  return { stepsOver: !isAside(t) && atUrgentOctet(s), peeked: t.flags & PEEK ? peekOffset(s) : 0 };
}

/** The result of a completed read. */
export function reads(
  call: KernelCall,
  s: KernelSocket,
  t: Transfer,
  place: Place,
  received: sockets.Received,
  now: number,
): Outcome {
  const { n } = received;
  if (s.type === "datagram") return datagramRead(call, t, received);
  if (n < 0) return answered(n);
  const aside = isAside(t);
  if (n > 0 && place.stepsOver) s.read++;
  const faults = (t.flags & TRUNC) === 0 && !aside ? patternFaults(received.bytes, s.read + place.peeked) : [];
  if ((t.flags & PEEK) === 0 && !aside) s.read += n;
  if (!t.message) return done(n, ...faults);
  const controls = controlsOf(received.control, now);
  const flags = received.flags & ~CMSG_CLOEXEC;
  return done(n, ...faults, ...messageFaults(call, t.message, flags, controls, call.around.toleranceUsecs));
}

/** The next octet of the stream is the urgent one, and the kernel excludes it from the stream. */
function atUrgentOctet(s: KernelSocket): boolean {
  const [mark, inline] = [new Uint8Array(4), new Uint8Array(4)];
  libc.ioctl(s.fd, bit("SIOCATMARK"), mark);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_OOBINLINE"), inline);
  return mark[0] === 1 && inline[0] === 0;
}

/** SO_PEEK_OFF: the offset at which a peek begins. */
function peekOffset(s: KernelSocket): number {
  const offset = new Int32Array(1);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_PEEK_OFF"), new Uint8Array(offset.buffer));
  return Math.max(0, offset[0]!);
}

/** Whether a blocking read would return: as many octets are readable as SO_RCVLOWAT or MSG_WAITALL require, or no more will come. */
function enoughIsThere(s: KernelSocket, t: Transfer): boolean {
  const least = new Uint32Array(1);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_RCVLOWAT"), new Uint8Array(least.buffer));
  const bits = sockets.wait([{ fd: s.fd, events: READABLE }], 0);
  const isOver = typeof bits === "number" || (bits[0]! & ~bit("POLLIN")) !== 0;
  if ((t.flags & WAITALL) === 0 || (t.flags & PEEK) !== 0)
    return least[0]! <= 1 || typeof bits === "number" || bits[0] !== 0;
  const waiting = new Uint8Array(4);
  libc.ioctl(s.fd, bit("SIOCINQ"), waiting);
  return isOver || new DataView(waiting.buffer).getUint32(0, true) >= t.count;
}

/** struct cmsghdr: length (64 bits), level, type; then the value. */
function controlsOf(bytes: Uint8Array, now: number): Control[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const controls: Control[] = [];
  for (let o = 0; o + 16 <= bytes.length; o += Math.max(16, (view.getUint32(o, true) + 7) & ~7)) {
    const [level, type] = [view.getInt32(o + 8, true), view.getInt32(o + 12, true)];
    controls.push({ level, type, data: dataOf(view, o + 16, view.getUint32(o, true) - 16, level, type, now) });
  }
  return controls;
}

/** A number, a struct sock_extended_err, or a struct scm_timestamping, whose times are in the machine's clock. */
function dataOf(view: DataView, o: number, length: number, level: number, type: number, now: number): Control["data"] {
  if (length === 4) return { kind: "number", value: view.getInt32(o, true) };
  if (level === bit("SOL_SOCKET") && type === bit("SCM_TIMESTAMPING")) {
    const stamp = Number(view.getBigInt64(o, true)) * 1e6 + Number(view.getBigInt64(o + 8, true)) / 1e3;
    const age = (performance.timeOrigin + performance.now()) * 1e3 - stamp;
    return { kind: "time", usecs: Math.round(now - age) };
  }
  const isError =
    level === bit("SOL_IP") ? type === bit("IP_RECVERR") : level === bit("SOL_IPV6") && type === bit("IPV6_RECVERR");
  if (!isError) return undefined;
  const error = {
    ee_errno: view.getUint32(o, true),
    ee_origin: view.getUint8(o + 4),
    ee_type: view.getUint8(o + 5),
    ee_code: view.getUint8(o + 6),
    ee_info: view.getUint32(o + 8, true),
    ee_data: view.getUint32(o + 12, true),
  };
  return { kind: "error", error };
}

/** The octets as the script's buffers contain them, each in memory of its own. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let end = 0;
  return lengths.map((n) => bytes.slice(end, (end += n)));
}

function write(call: KernelCall, t: Transfer): Attempt {
  const plain = isPlain(call);
  let sent = 0;
  return call.on((s): Outcome | undefined => {
    const nonblocking = s.nonblocking || (t.flags & DONTWAIT) !== 0;
    if (s.type === "epoll" && plain) return answered(run(files.writing(s.fd, pattern(0, t.count))));
    if (s.type === "file" && plain) {
      const { bytes, prepared } = sendingFor(call, s, t);
      const n = run(prepared);
      return n < 0 ? answeredOrWaits(n, nonblocking) : sends(call, s, bytes, n);
    }
    if (s.type === "datagram") return writeDatagram(call, s, t, !nonblocking);
    for (;;) {
      const n = writeOnce(call, s, t, sent);
      if (n < 0 && n !== -AGAIN) return sent > 0 ? done(sent) : answered(n);
      sent += Math.max(0, n);
      if (sent === t.count) return done(sent);
      if (nonblocking) return sent > 0 ? done(sent) : answered(n);
      // A blocking call continues after a partial write until the kernel takes no more.
      if (n < 0) return undefined;
    }
  });
}

/** Sends the remaining octets, or as many as the kernel takes. */
function writeOnce(call: KernelCall, s: KernelSocket, t: Transfer, sent: number): number {
  const { bytes, prepared } = sendingFor(call, s, t, sent);
  const n = run(prepared);
  if (t.flags & FASTOPEN && s.flow?.kind === "open" && (n >= 0 || n === -IN_PROGRESS)) connects(call, s, 4);
  took(s, bytes, n);
  return n;
}

/**
 * The octets of a call, and the kernel's call that sends them.
 * @param from how many of them were sent before
 */
export function sendingFor(
  call: KernelCall,
  s: KernelSocket,
  t: Transfer,
  from = 0,
): { readonly bytes: Uint8Array; readonly prepared: sockets.Prepared<number> } {
  const start = s.type === "stream" ? s.wrote : 0;
  const bytes = t.text?.slice(from) ?? pattern(start, t.count - from);
  if (s.type === "file" && isPlain(call)) return { bytes, prepared: files.writing(s.fd, bytes) };
  const pieces = cut(bytes, t.pieces.length > 1 && from === 0 ? t.pieces : [bytes.length]);
  if (t.flags & ZEROCOPY) s.lent.push(...pieces);
  const addressed = call.name === "sendto" && call.syscall.args.length > 4 && !call.isNull(4);
  const to = addressed && (s.type === "datagram" || (t.flags & FASTOPEN) !== 0) ? peerAddress(call, 4) : null;
  return { bytes, prepared: sockets.sending(s.fd, t.nowhere ? t.count : pieces, t.flags, to) };
}

/** The result of a completed write. */
export function sends(call: KernelCall, s: KernelSocket, bytes: Uint8Array, n: number): Outcome {
  if (s.type === "datagram" && n >= 0) call.around.datagrams.push(bytes);
  if (s.type === "stream") took(s, bytes, n);
  if (s.type === "file" && n > 0) s.content?.put(bytes.slice(0, n));
  return answered(n);
}

/** Records the octets that the kernel took: they are the next of the stream. */
export function took(s: KernelSocket, bytes: Uint8Array, n: number): void {
  if (n > 0) s.flow?.wrote(s.wrote, bytes.subarray(0, n));
  s.wrote += Math.max(0, n);
}

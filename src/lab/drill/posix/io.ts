import { namesOf, symbol } from "../constants/symbols.ts";
import { pattern } from "../packets/codec.ts";
import { errorControls } from "./error-queue.ts";
import { early, impliedConnect, shutWrite } from "./fast-open.ts";
import { readFrom, writeTo } from "./files.ts";
import { type Control, messageFaults } from "./messages.ts";
import { sentOctets } from "./observe.ts";
import {
  type Attempt,
  type Call,
  done,
  failed,
  lowWater,
  type Outcome,
  type TcpSocket,
  type UdpSocket,
} from "./sockets.ts";
import { opening, patternFaults, queue, streamEnd, unwritable } from "./stream.ts";
import { type Transfer, transferOf } from "./transfer.ts";
import { readUdp, writeUdp } from "./udp.ts";
import { passUrgent, receiveUrgent, stretch } from "./urgent.ts";

/** read, recv, recvfrom, recvmsg, readv; write, send, sendto, sendmsg, writev. */

const bit = (name: string): number => symbol(name)!;
const PEEK = bit("MSG_PEEK");
const DONTWAIT = bit("MSG_DONTWAIT");
const WAITALL = bit("MSG_WAITALL");
const TRUNC = bit("MSG_TRUNC");
const MORE = bit("MSG_MORE");
const OOB = bit("MSG_OOB");
const EOR = bit("MSG_EOR");
const EOF = bit("MSG_EOF");
const ERRQUEUE = bit("MSG_ERRQUEUE");
const ZEROCOPY = bit("MSG_ZEROCOPY");
const FASTOPEN = bit("MSG_FASTOPEN");
const RX_STAMPS = bit("SOF_TIMESTAMPING_RX_SOFTWARE") | bit("SOF_TIMESTAMPING_SOFTWARE");

/** The progress of a call. */
interface Progress {
  octets: number;
  readonly faults: string[];
  /** The call must not wait, because the socket or the call is non-blocking, or its timeout is over. */
  readonly nonblocking: boolean;
  /** The call waits for room: Linux wakes it when a third of the buffer is free. */
  waitsForRoom: boolean;
}

type Step = (call: Call, s: TcpSocket, t: Transfer, progress: Progress, now: number) => Outcome | undefined;

export function ioCall(call: Call): Attempt | undefined {
  const reading = /^(read|readv|recv|recvfrom|recvmsg)$/.test(call.name);
  if (!reading && !/^(write|writev|send|sendto|sendmsg)$/.test(call.name)) return undefined;
  const t = transferOf(call);
  const unknown = [...Array(31).keys()]
    .map((n) => 2 ** n)
    .find((flag) => (t.flags & flag) !== 0 && namesOf("MSG_", flag).length === 0);
  if (unknown) return call.unsupported(`${call.name} with flags 0x${unknown.toString(16)}`);
  const state = { octets: 0, faults: [] as string[], waitsForRoom: false };
  let began: number | undefined;
  return (now) => {
    const s = call.socket(0);
    if (!s) return failed("EBADF");
    if (s.kind === "epoll" || s.kind === "file" || s.kind === "pipe") {
      if (!/^(read|write)v?$/.test(call.name)) return failed("ENOTSOCK");
      if (s.kind === "epoll") return failed("EINVAL");
    }
    if (s.kind === "file" || s.kind === "pipe") return reading ? readFrom(s, t.count) : writeTo(s, pattern(0, t.count));
    began ??= now;
    const impatient = s.nonblocking || (t.flags & DONTWAIT) !== 0 || over(call, s, reading, began, now);
    const progress: Progress = Object.assign(state, { nonblocking: impatient });
    const udp = s.kind === "udp";
    const outcome = reading
      ? udp
        ? readUdp(call, s, t)
        : read(call, s, t, progress, now)
      : udp
        ? writeUdp(call, s, t, now)
        : write(call, s, t, progress, now);
    if (outcome !== undefined || !impatient) return outcome;
    return progress.octets > 0 ? done(progress.octets, ...progress.faults) : failed("EAGAIN");
  };
}

/** Whether the timeout SO_RCVTIMEO or SO_SNDTIMEO is over. */
function over(call: Call, s: TcpSocket | UdpSocket, reading: boolean, began: number, now: number): boolean {
  const patience = Number(s.options.get(reading ? "SO_RCVTIMEO" : "SO_SNDTIMEO") ?? 0);
  if (patience === 0) return false;
  call.world.wakeAt(began + patience);
  return now >= began + patience;
}

const read: Step = (call, s, t, progress, now) => {
  if (t.flags & ERRQUEUE) return readErrors(call, s, t);
  // read(2) of 0 octets returns at once; recv(2) of 0 octets waits for data.
  if (t.count === 0 && /^readv?$/.test(call.name)) return done(0);
  if (s.listener) return failed("ENOTCONN");
  if (t.flags & OOB) return withMessage(call, s, t, receiveUrgent(s, t.count, t.flags));
  if (s.deferred) return undefined;
  if (s.connection) return readStream(call, s, t, progress, now);
  return s.readShut ? done(0) : failed("ENOTCONN");
};

const readStream: Step = (call, s, t, progress, now) => {
  const c = s.connection!;
  if (t.nowhere && c.readable() > 0 && (t.flags & TRUNC) === 0) return failed("EFAULT");
  const peeking = (t.flags & PEEK) !== 0;
  const before = s.read;
  if (peeking && peekOffset(s) >= 0) return peekFurther(call, s, t, progress);
  while (progress.octets < t.count && c.readable() > 0) {
    const { skip, most } = stretch(s, progress.octets);
    if (skip) stepOver(s, now);
    const into = new Uint8Array(Math.min(t.count - progress.octets, c.readable(), most));
    if (into.length === 0) break;
    c.receive(into, peeking, now);
    if ((t.flags & TRUNC) === 0) progress.faults.push(...patternFaults(into, s.read));
    progress.octets += into.length;
    if (peeking) break;
    s.read += into.length;
    if (peekOffset(s) > 0) s.options.set("SO_PEEK_OFF", Math.max(0, peekOffset(s) - into.length));
    passUrgent(s);
  }
  const waitsForAll = (t.flags & WAITALL) !== 0 && !peeking;
  const enough = progress.nonblocking ? 1 : waitsForAll ? t.count : Math.min(lowWater(s), t.count);
  const atUrgent = progress.octets > 0 && stretch(s, progress.octets).most === 0;
  const ready = progress.octets >= Math.max(1, enough) || atUrgent || (t.count === 0 && c.readable() > 0);
  const end = ready ? 0 : streamEnd(s);
  if (end === undefined) return undefined;
  if (typeof end === "string" && progress.octets === 0) return failed(end);
  const last = s.read + (peeking ? progress.octets : 0) - 1;
  const outcome = done(progress.octets, ...progress.faults);
  return withMessage(call, s, t, { outcome, flags: 0 }, last >= before ? s.flow.arrivalTime(last) : undefined);
};

/** SO_PEEK_OFF: the distance from the next octet to be read to the start of a peek; negative: not set. */
function peekOffset(s: TcpSocket): number {
  return Number(s.options.get("SO_PEEK_OFF") ?? -1);
}

/** A peek that continues where the last one ended. */
function peekFurther(call: Call, s: TcpSocket, t: Transfer, progress: Progress): Outcome | undefined {
  const from = peekOffset(s);
  const n = Math.min(t.count, s.connection!.readable() - from);
  if (n <= 0) {
    const end = streamEnd(s);
    return typeof end === "string" ? failed(end) : end === 0 ? done(0) : undefined;
  }
  const into = new Uint8Array(from + n);
  s.connection!.receive(into, true, 0);
  s.options.set("SO_PEEK_OFF", from + n);
  progress.octets = n;
  const outcome = done(n, ...patternFaults(into.subarray(from), s.read + from));
  return withMessage(call, s, t, { outcome, flags: 0 }, s.flow.arrivalTime(s.read + from + n - 1));
}

/** Skips the urgent octet, which is not part of the stream. */
function stepOver(s: TcpSocket, now: number): void {
  s.connection!.receive(new Uint8Array(1), false, now);
  s.read++;
  passUrgent(s);
}

/** The control messages of recvmsg: TCP_INQ, SO_TIMESTAMPING. */
function withMessage(
  call: Call,
  s: TcpSocket,
  t: Transfer,
  { outcome, flags }: { readonly outcome: Outcome; readonly flags: number },
  arrived?: number,
): Outcome {
  if (!t.message || outcome.errno !== undefined) return outcome;
  const controls: Control[] = [];
  if (arrived !== undefined && (s.errors.flags & RX_STAMPS) === RX_STAMPS)
    controls.push({ level: bit("SOL_SOCKET"), type: bit("SCM_TIMESTAMPING"), data: { kind: "time", usecs: arrived } });
  if (s.options.get("TCP_INQ")) {
    // After the last octet of a finished stream the value is 1, for the end of the stream.
    const value = s.connection!.readable() || Number(s.connection!.finished());
    controls.push({ level: bit("SOL_TCP"), type: bit("TCP_CM_INQ"), data: { kind: "number", value } });
  }
  const faults = messageFaults(call, t.message, flags, controls, call.world.toleranceUsecs);
  return { ...outcome, faults: [...outcome.faults, ...faults] };
}

/** recvmsg(MSG_ERRQUEUE): returns the oldest entry, without waiting for one. */
function readErrors(call: Call, s: TcpSocket, t: Transfer): Outcome {
  const entry = s.errors.take();
  if (!entry) return failed("EAGAIN");
  const n = Math.min(t.count, entry.length);
  if (!t.message) return done(n);
  const flags = ERRQUEUE | (n < entry.length ? TRUNC : 0);
  const controls = errorControls(entry, call.world.family);
  return done(n, ...messageFaults(call, t.message, flags, controls, call.world.toleranceUsecs));
}

const write: Step = (call, s, t, progress, now) => {
  if (t.flags & FASTOPEN || s.deferred) {
    const outcome = early(call, s, t, progress, now);
    if (outcome !== "go on") return outcome;
  }
  const begun = progress.octets === 0 ? impliedConnect(call, s, t, now) : undefined;
  if (begun) return begun;
  const refused = unwritable(s);
  if (refused) return progress.octets > 0 ? done(progress.octets) : failed(refused);
  if (opening(s) && !s.impliedConnect) {
    if (t.count === 0 && progress.nonblocking) return done(0);
    if (!progress.nonblocking) s.connection?.awaitsWriter?.();
    return undefined;
  }
  if (t.nowhere && t.count > 0) return failed("EFAULT");
  if (progress.waitsForRoom && !progress.nonblocking && !s.connection?.writable()) return undefined;
  const lends = (t.flags & ZEROCOPY) !== 0 && Boolean(s.options.get("SO_ZEROCOPY"));
  const start = s.wrote - progress.octets;
  const sent = sentOctets(s);
  while (progress.octets < t.count) {
    const { octets, endsBuffer } = nextStretch(t, progress.octets, lends);
    const bytes = t.text?.subarray(progress.octets, progress.octets + octets) ?? pattern(s.wrote, octets);
    const ends = progress.octets + octets === t.count;
    const flags = {
      more: (t.flags & MORE) !== 0,
      urgent: (t.flags & OOB) !== 0 && ends,
      endOfRecord: endsBuffer || ((t.flags & EOR) !== 0 && ends),
    };
    const n = queue(s, bytes, flags, now, lends ? (progress.octets === 0 ? "lent" : "lent on") : "copied");
    if (typeof n === "string") break;
    progress.octets += n;
    if (n < octets) break;
  }
  const complete = progress.octets === t.count;
  progress.waitsForRoom = !complete;
  if (!complete && !(progress.nonblocking && progress.octets > 0)) return undefined;
  s.errors.mark(start, s.wrote, sent);
  if (complete && t.flags & EOF && s.dialect === "freebsd") shutWrite(s, now);
  return done(progress.octets);
};

/** The number of page fragments in one of Linux's buffers. */
const FRAGMENTS_MAX = 17;

/** How many octets go into one of Linux's buffers: all of them, but of lent memory at most FRAGMENTS_MAX pieces. */
function nextStretch(t: Transfer, from: number, lends: boolean): { octets: number; endsBuffer: boolean } {
  if (!lends || t.pieces.length <= FRAGMENTS_MAX) return { octets: t.count - from, endsBuffer: false };
  const pieces = t.pieces.filter((n) => n > 0);
  let at = 0;
  for (let i = 0; i < pieces.length; i += FRAGMENTS_MAX) {
    const n = pieces.slice(i, i + FRAGMENTS_MAX).reduce((sum, each) => sum + each, 0);
    if (from < at + n) return { octets: at + n - from, endsBuffer: at + n < t.count };
    at += n;
  }
  return { octets: t.count - from, endsBuffer: false };
}

import { type Control, messageFaults } from "#drill/calls/messages";
import { type Attempt, done, type Outcome } from "#drill/calls/sockets";
import { patternFaults } from "#drill/calls/stream";
import { type Transfer, transferOf } from "#drill/calls/transfer";
import { pattern } from "#drill/codec";
import { symbol } from "#drill/symbols";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { answered, answeredOrWaits, type KernelCall, type KernelSocket, Patience } from "./connection.ts";
import { readDatagram, writeDatagram } from "./datagrams.ts";

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
/** Flags that a script sees only where the kernel sets them by itself. */
const CMSG_CLOEXEC = bit("MSG_CMSG_CLOEXEC");

export function ioCall(call: KernelCall): Attempt | undefined {
  const reading = /^(read|readv|recv|recvfrom|recvmsg)$/.test(call.name);
  if (!reading && !/^(write|writev|send|sendto|sendmsg)$/.test(call.name)) return undefined;
  const transfer = transferOf(call);
  return reading ? read(call, transfer) : write(call, transfer);
}

function read(call: KernelCall, t: Transfer): Attempt {
  let got = 0;
  const faults: string[] = [];
  const patience = new Patience(call, "SO_RCVTIMEO");
  return call.on((s, now) => {
    const over = patience.isOver(s, now);
    if (s.isDatagram) return readDatagram(call, s, t, !over && !s.nonblocking && (t.flags & DONTWAIT) === 0);
    if (over && got > 0) return done(got, ...faults);
    const waits = !over && !s.nonblocking && (t.flags & DONTWAIT) === 0;
    if (t.count === 0 && call.name.startsWith("read")) return answered(sockets.readNothing(s.fd));
    // A blocking read waits for SO_RCVLOWAT, of which a non-blocking one knows nothing.
    if (waits && t.count > 0 && (t.flags & (ERRQUEUE | OOB)) === 0 && !lowWaterReached(s)) return undefined;
    const stepsOver = (t.flags & (ERRQUEUE | OOB)) === 0 && atUrgentOctet(s);
    const peeked = t.flags & PEEK ? peekOffset(s) : 0;
    const received = sockets.receive(s.fd, t.count - got, t.flags, t.nowhere);
    const { n } = received;
    if (n < 0)
      return got > 0 && n !== -AGAIN
        ? done(got, ...faults)
        : answeredOrWaits(n, !waits || (t.flags & (ERRQUEUE | OOB)) !== 0);
    const aside = (t.flags & (ERRQUEUE | OOB)) !== 0;
    if (n > 0 && stepsOver) s.read++;
    if ((t.flags & TRUNC) === 0 && !aside) faults.push(...patternFaults(received.bytes, s.read + peeked));
    if ((t.flags & PEEK) === 0 && !aside) s.read += n;
    got += n;
    const waitsForAll = waits && (t.flags & WAITALL) !== 0 && (t.flags & PEEK) === 0;
    if (waitsForAll && got < t.count && n > 0) return undefined;
    if (!t.message) return done(got, ...faults);
    const controls = controlsOf(received.control, now);
    const flags = received.flags & ~CMSG_CLOEXEC;
    return done(got, ...faults, ...messageFaults(call, t.message, flags, controls, call.around.toleranceUsecs));
  });
}

/** The next octet of the stream is the urgent one, and the kernel keeps it out of the stream. */
function atUrgentOctet(s: KernelSocket): boolean {
  const [mark, inline] = [new Uint8Array(4), new Uint8Array(4)];
  libc.ioctl(s.fd, bit("SIOCATMARK"), mark);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_OOBINLINE"), inline);
  return mark[0] === 1 && inline[0] === 0;
}

/** SO_PEEK_OFF: where a peek begins. */
function peekOffset(s: KernelSocket): number {
  const offset = new Int32Array(1);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_PEEK_OFF"), new Uint8Array(offset.buffer));
  return Math.max(0, offset[0]!);
}

/** Whether as much waits as SO_RCVLOWAT asks for, or nothing more will come. */
function lowWaterReached(s: KernelSocket): boolean {
  const least = new Uint32Array(1);
  sockets.getOption(s.fd, bit("SOL_SOCKET"), bit("SO_RCVLOWAT"), new Uint8Array(least.buffer));
  if (least[0]! <= 1) return true;
  const bits = sockets.wait([{ fd: s.fd, events: READABLE }], 0);
  return typeof bits === "number" || bits[0] !== 0;
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

/** A number, a struct sock_extended_err, or a struct scm_timestamping, whose times are the machine's. */
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

/** The octets as the buffers of the script hold them, each in memory of its own. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let end = 0;
  return lengths.map((n) => bytes.slice(end, (end += n)));
}

function write(call: KernelCall, t: Transfer): Attempt {
  let sent = 0;
  const patience = new Patience(call, "SO_SNDTIMEO");
  return call.on((s, now): Outcome | undefined => {
    const nonblocking = s.nonblocking || (t.flags & DONTWAIT) !== 0;
    if (s.isDatagram) return writeDatagram(call, s, t, !nonblocking && !patience.isOver(s, now));
    for (;;) {
      const n = writeOnce(call, s, t, sent);
      if (n < 0 && n !== -AGAIN) return sent > 0 ? done(sent) : answered(n);
      sent += Math.max(0, n);
      if (sent === t.count) return done(sent);
      if (nonblocking || patience.isOver(s, now)) return sent > 0 ? done(sent) : answered(n);
      // A call that blocks goes on until it must.
      if (n < 0) return undefined;
    }
  });
}

/** What is left of the octets, or the first of them that the kernel takes. */
function writeOnce(call: KernelCall, s: KernelSocket, t: Transfer, sent: number): number {
  const opens = (t.flags & FASTOPEN) !== 0 && sent === 0;
  const bytes = t.text?.slice(sent) ?? pattern(s.wrote, t.count - sent);
  const pieces = cut(bytes, t.pieces.length > 1 && sent === 0 ? t.pieces : [bytes.length]);
  if (t.flags & ZEROCOPY) s.lent.push(...pieces);
  const to = opens ? sockets.socketAddress(call.ends.remote, call.around.connectPort) : null;
  const n =
    pieces.length > 1 && !opens
      ? sockets.sendPieces(s.fd, pieces, t.flags)
      : sockets.send(s.fd, t.nowhere ? t.count : pieces[0]!, t.flags, to);
  if (opens && s.flow && s.flow.kind === "open" && (n >= 0 || n === -IN_PROGRESS)) {
    s.flow.kind = "active";
    s.flow.localPort = sockets.localPort(s.fd);
    s.flow.remotePort = call.around.connectPort;
  }
  if (n > 0) s.flow?.wrote(s.wrote, bytes.subarray(0, n));
  s.wrote += Math.max(0, n);
  return n;
}

import { checkPattern, type Transfer, transferOf } from "#drill/calls/io";
import { type Attempt, done, type Outcome } from "#drill/calls/sockets";
import { pattern } from "#drill/codec";
import { symbol } from "#drill/symbols";
import * as sockets from "#ffi/sockets";
import { answered, answeredOrWaits, type KernelCall, type KernelSocket } from "./connection.ts";

const bit = (name: string): number => symbol(name)!;
const PEEK = bit("MSG_PEEK");
const TRUNC = bit("MSG_TRUNC");
const WAITALL = bit("MSG_WAITALL");
const DONTWAIT = bit("MSG_DONTWAIT");
const AGAIN = bit("EAGAIN");
const READABLE = bit("POLLIN") | bit("POLLRDHUP") | bit("POLLHUP") | bit("POLLERR");
const SOL_TCP = bit("SOL_TCP");
const TCP_CM_INQ = bit("TCP_CM_INQ");

export function ioCall(call: KernelCall): Attempt | undefined {
  const reading = /^(read|readv|recv|recvfrom|recvmsg)$/.test(call.name);
  if (!reading && !/^(write|writev|send|sendto|sendmsg)$/.test(call.name)) return undefined;
  const transfer = transferOf(call);
  return reading ? read(call, transfer) : write(call, transfer);
}

function read(call: KernelCall, t: Transfer): Attempt {
  let got = 0;
  const faults: string[] = [];
  return call.on((s) => {
    const waits = !s.nonblocking && (t.flags & DONTWAIT) === 0;
    if (t.count === 0 && call.name.startsWith("read")) return answered(sockets.readNothing(s.fd));
    // A blocking read waits for SO_RCVLOWAT, of which a non-blocking one knows nothing.
    if (waits && t.count > 0 && !ready(s)) return undefined;
    const received = sockets.receive(s.fd, t.count - got, t.flags);
    const { n } = received;
    if (n < 0) return got > 0 && n !== -AGAIN ? done(got, ...faults) : answeredOrWaits(n, !waits);
    if ((t.flags & TRUNC) === 0) checkPattern(received.bytes, s.read, faults);
    if ((t.flags & PEEK) === 0) s.read += n;
    got += n;
    const waitsForAll = waits && (t.flags & WAITALL) !== 0 && (t.flags & PEEK) === 0;
    if (waitsForAll && got < t.count && n > 0) return undefined;
    return done(got, ...faults, ...(t.isMessage ? controlFaults(received.control, t.inq) : []));
  });
}

function ready(s: KernelSocket): boolean {
  const bits = sockets.wait([{ fd: s.fd, events: READABLE }], 0);
  return typeof bits === "number" || bits[0] !== 0;
}

/** struct cmsghdr: length (64 bits), level, type; then the value. */
function controlFaults(control: Uint8Array, wanted: number | undefined): string[] {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  let told: number | undefined;
  for (let o = 0; o + 20 <= control.length; o += Math.max(16, (view.getUint32(o, true) + 7) & ~7)) {
    if (view.getInt32(o + 8, true) === SOL_TCP && view.getInt32(o + 12, true) === TCP_CM_INQ)
      told = view.getInt32(o + 16, true);
  }
  return told === wanted ? [] : [`TCP_CM_INQ is ${told ?? "not there"}, not ${wanted ?? "absent"}`];
}

function write(call: KernelCall, t: Transfer): Attempt {
  let sent = 0;
  return call.on((s): Outcome | undefined => {
    const bytes = t.text?.slice(sent) ?? pattern(s.wrote, t.count - sent);
    const n = sockets.send(s.fd, bytes, t.flags);
    if (n > 0) {
      s.flow?.wrote(s.wrote, bytes.subarray(0, n));
      s.wrote += n;
      sent += n;
    }
    const nonblocking = s.nonblocking || (t.flags & DONTWAIT) !== 0;
    if (n < 0 && n !== -AGAIN) return sent > 0 ? done(sent) : answered(n);
    if (sent === t.count) return done(sent);
    if (nonblocking) return sent > 0 ? done(sent) : answered(n);
    return undefined;
  });
}

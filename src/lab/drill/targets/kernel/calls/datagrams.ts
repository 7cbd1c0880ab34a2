import * as sockets from "#ffi/sockets";
import { symbol } from "../../../constants/symbols.ts";
import { addressFaults } from "../../../posix/addresses.ts";
import { messageFaults } from "../../../posix/messages.ts";
import { done, type Outcome } from "../../../posix/sockets.ts";
import { patternFaults } from "../../../posix/stream.ts";
import type { Transfer } from "../../../posix/transfer.ts";
import { answered, answeredOrWaits, type KernelCall, type KernelSocket } from "./connection.ts";
import { sendingFor, sends } from "./io.ts";

/** UDP. Every datagram that the script injects contains the pattern from its beginning. */

const ERRQUEUE = symbol("MSG_ERRQUEUE")!;
/** A flag that the kernel sets by itself; scripts do not expect it. */
const CMSG_CLOEXEC = symbol("MSG_CMSG_CLOEXEC")!;

export function readDatagram(call: KernelCall, s: KernelSocket, t: Transfer, waits: boolean): Outcome | undefined {
  const received = sockets.receive(s.fd, t.count, t.flags);
  if (received.n < 0) return answeredOrWaits(received.n, !waits || (t.flags & ERRQUEUE) !== 0);
  return datagramRead(call, t, received);
}

export function datagramRead(call: KernelCall, t: Transfer, received: sockets.Received): Outcome {
  if (received.n < 0) return answered(received.n);
  const faults = patternFaults(received.bytes, 0);
  if (call.name === "recvfrom" && call.syscall.args.length > 4)
    faults.push(...addressFaults(call, call.value(4), received.port, call.around.remoteAddress));
  if (t.message) faults.push(...messageFaults(call, t.message, received.flags & ~CMSG_CLOEXEC, [], 0));
  return done(received.n, ...faults);
}

export function writeDatagram(call: KernelCall, s: KernelSocket, t: Transfer, waits: boolean): Outcome | undefined {
  const { bytes, prepared } = sendingFor(call, s, t);
  const n = prepared.finish(sockets.call(prepared.name, prepared.args));
  return n < 0 ? answeredOrWaits(n, !waits) : sends(call, s, bytes, n);
}

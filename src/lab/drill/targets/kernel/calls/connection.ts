import type { CallThread } from "#ffi/call-thread";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { errnoText, isFreeBsdOnly, symbol } from "../../../constants/symbols.ts";
import { addressBytes } from "../../../interpreter/config.ts";
import type { Syscall, Value } from "../../../language/ast.ts";
import type { Flow } from "../../../packets/flow.ts";
import { addressFaults, addressOf, checkPeer, portOf } from "../../../posix/addresses.ts";
import {
  Arguments,
  type Attempt,
  done,
  failed,
  type Outcome,
  opened,
  type Surroundings,
} from "../../../posix/sockets.ts";
import { type Content, fileCall } from "./files.ts";
import { ioCall } from "./io.ts";
import { optionCall } from "./options.ts";
import { pollCall } from "./poll.ts";
import { waitingCall } from "./waiting.ts";

/**
 * Executes scripts' calls as the kernel's own. Every descriptor is non-blocking, except for calls that the script expects to block: these
 * are made by a thread of their own (`waiting.ts`).
 */

/** A descriptor of the kernel, with data that the script does not see. */
export class KernelSocket {
  readonly kind = "system";
  /** O_NONBLOCK as the script has set it. */
  nonblocking: boolean;
  /** Octets of each stream that calls have read and written: the offsets in the pattern. */
  read = 0;
  wrote = 0;
  /** Memory that the kernel reads later because of MSG_ZEROCOPY: it must not move. */
  readonly lent: Uint8Array[] = [];

  constructor(
    readonly fd: number,
    readonly flow: Flow | undefined,
    nonblocking: boolean,
    readonly type: "stream" | "datagram" | "epoll" | "file" = "stream",
    /** The content of a file, or of a pipe's two ends. */
    readonly content: Content | undefined = undefined,
  ) {
    this.nonblocking = nonblocking;
  }

  get datagramPorts(): { readonly local: number; readonly remote: number } | undefined {
    if (this.type !== "datagram") return undefined;
    return { local: Math.max(0, sockets.localPort(this.fd)), remote: Math.max(0, sockets.peerPort(this.fd)) };
  }
}

/** The two ends of a connection. */
export interface Ends {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

export class KernelCall extends Arguments {
  constructor(
    readonly around: Surroundings,
    readonly ends: Ends,
    /** The congestion control of new sockets, if it is not the kernel's default. */
    readonly control: string | undefined,
    /** Returns the thread for blocking calls, always the same one. */
    readonly thread: () => CallThread,
    syscall: Syscall,
  ) {
    super(syscall);
  }

  get family(): number {
    return this.ends.local.length === 16 ? libc.AF_INET6 : libc.AF_INET;
  }

  socket(index: number): KernelSocket | undefined {
    return this.socketOf(this.number(index));
  }

  socketOf(fd: number): KernelSocket | undefined {
    const found = this.around.table.get(fd);
    return found instanceof KernelSocket ? found : undefined;
  }

  override numberOf(value: Value): number {
    const words = value.kind === "or" ? value.parts : [value];
    for (const word of words)
      if (word.kind === "word" && isFreeBsdOnly(word.name)) this.unsupported(`${word.name}, which Linux does not have`);
    return super.numberOf(value);
  }

  /** The kernel's number for a descriptor of the script; -1 if the script has none of that number. */
  fd(index: number): number {
    return this.socket(index)?.fd ?? -1;
  }

  /** Attempts a call on one of our sockets. */
  on(act: (s: KernelSocket, now: number) => Outcome | undefined): Attempt {
    return (now) => {
      const s = this.socket(0);
      return s ? act(s, now) : failed("EBADF");
    };
  }
}

const NONBLOCK = symbol("O_NONBLOCK")!;
const AGAIN = symbol("EAGAIN")!;
const IN_PROGRESS = symbol("EINPROGRESS")!;

/** The outcome for the kernel's return value. */
export function answered(n: number): Outcome {
  return n < 0 ? failed(errnoText(-n)) : done(n);
}

/** The same, but EAGAIN means to wait if the script's socket is blocking. */
export function answeredOrWaits(n: number, nonblocking: boolean): Outcome | undefined {
  return n === -AGAIN && !nonblocking ? undefined : answered(n);
}

export function kernelCall(call: KernelCall): Attempt | undefined {
  const at = connectionCall(call) ?? ioCall(call) ?? optionCall(call) ?? pollCall(call) ?? fileCall(call);
  return at && call.syscall.end !== undefined ? (waitingCall(call, at) ?? at) : at;
}

function connectionCall(call: KernelCall): Attempt | undefined {
  switch (call.name) {
    case "socket":
      return socket(call);
    case "bind":
      return call.on((s) => bind(call, s));
    case "listen":
      return call.on((s) => listen(call, s));
    case "connect":
      return connect(call);
    case "accept":
    case "accept4":
      return accept(call);
    case "shutdown":
      return call.on((s) => answered(sockets.shutdown(s.fd, call.number(1))));
    case "close":
      return call.on((s) => close(call, s));
    case "getsockname":
      return call.on((s) => name(call, sockets.localPort(s.fd), call.around.localAddress));
    case "getpeername":
      return call.on((s) => name(call, sockets.peerPort(s.fd), call.around.remoteAddress));
    default:
      return undefined;
  }
}

function socket(call: KernelCall): Attempt {
  const family = call.isEllipsis(0) ? call.family : call.number(0);
  const type = call.number(1) & 15;
  const nonblocking = (call.number(1) & NONBLOCK) !== 0;
  const protocol = call.number(2);
  if (type !== sockets.SOCK_STREAM && type !== sockets.SOCK_DGRAM)
    return call.unsupported(`socket of type ${type} against a kernel`);
  return () => {
    const fd = sockets.socket(family, type, protocol);
    if (fd >= 0 && type === sockets.SOCK_DGRAM) return opened(new KernelSocket(fd, undefined, nonblocking, "datagram"));
    if (fd >= 0 && call.control !== undefined) {
      const name = new TextEncoder().encode(call.control);
      sockets.setOption(fd, symbol("SOL_TCP")!, symbol("TCP_CONGESTION")!, name);
    }
    return fd < 0 ? answered(fd) : opened(new KernelSocket(fd, call.around.newFlow(), nonblocking));
  };
}

function bind(call: KernelCall, s: KernelSocket): Outcome {
  const result = sockets.bind(s.fd, writtenAddress(call, 1, call.ends.local, call.around.bindPort));
  if (result >= 0 && s.flow) s.flow.localPort = sockets.localPort(s.fd);
  return answered(result);
}

/** The address that a script writes: family, port, address and length, with defaults for missing parts. */
function writtenAddress(call: KernelCall, index: number, own: Uint8Array, ownPort: number): Uint8Array {
  const value = call.value(index);
  const length = call.syscall.args[index + 1];
  const port = portOf(call, index, ownPort);
  const written = value.kind === "struct" ? call.field(value, "sa_family", "sin_family", "sin6_family") : undefined;
  const text = addressOf(call, value);
  const six = (written ?? (own.length === 16 ? libc.AF_INET6 : libc.AF_INET)) === libc.AF_INET6;
  const bytes = text === undefined ? own : addressBytes(text, six ? 6 : 4);
  if (!bytes) return call.unsupported(`the address ${text} of ${call.name}`);
  const address = sockets.socketAddress(bytes, port);
  if (written === 0) address.fill(0, 0, 2);
  return length?.kind === "integer" ? address.subarray(0, Math.max(0, length.value)) : address;
}

function listen(call: KernelCall, s: KernelSocket): Outcome {
  const result = sockets.listen(s.fd, call.number(1));
  if (result >= 0 && s.flow) {
    s.flow.kind = "listening";
    // A socket that was not bound has a port now.
    s.flow.localPort = sockets.localPort(s.fd);
  }
  return answered(result);
}

function connect(call: KernelCall): Attempt {
  return call.on((s) => {
    const address = peerAddress(call);
    const result = sockets.connect(s.fd, address);
    if (result >= 0 || result === -IN_PROGRESS) connects(call, s);
    const waits = result === -IN_PROGRESS && !s.nonblocking;
    return waits ? undefined : answered(result);
  });
}

/** The address of `connect(fd, AF_UNSPEC, ...)`, the address in the script, or the script's peer. */
export function peerAddress(call: KernelCall, index = 1): Uint8Array {
  const address = call.value(index);
  if (address.kind === "word" && address.name === "AF_UNSPEC") return new Uint8Array(sockets.ADDRESS);
  const own = writtenAddress(call, index, call.ends.remote, call.around.connectPort);
  const isOurs = own[0] === (call.ends.remote.length === 16 ? libc.AF_INET6 : libc.AF_INET);
  if (isOurs) checkPeer(call, index, call.around.remoteAddress);
  return own;
}

/** Records that the socket sends a SYN. */
export function connects(call: KernelCall, s: KernelSocket, index = 1): void {
  const address = call.value(index);
  if (!s.flow || (address.kind === "word" && address.name === "AF_UNSPEC")) return;
  s.flow.kind = "active";
  s.flow.localPort = sockets.localPort(s.fd);
  s.flow.remotePort = portOf(call, index, call.around.connectPort);
}

function accept(call: KernelCall): Attempt {
  return call.on((s) => {
    const fd = sockets.accept(s.fd);
    return fd < 0 ? answeredOrWaits(fd, s.nonblocking) : accepted(call, s, fd);
  });
}

export function accepted(call: KernelCall, s: KernelSocket, fd: number): Outcome {
  if (fd < 0) return answered(fd);
  const flow = call.around.flowOf(sockets.localPort(fd), sockets.peerPort(fd));
  const nonblocking = call.name === "accept4" && (call.number(3) & NONBLOCK) !== 0;
  const remotePort = sockets.peerPort(fd);
  const outcome = opened(new KernelSocket(fd, flow ?? s.flow, nonblocking));
  const faults = addressFaults(call, call.value(1), remotePort, call.around.remoteAddress);
  if (!flow && remotePort >= 0)
    faults.push(`accepted a connection from port ${remotePort}, which the script never made`);
  return { ...outcome, faults };
}

/** close() may wait for SO_LINGER only if the script expects it to block. */
function close(call: KernelCall, s: KernelSocket): Outcome | undefined {
  const linger = new Uint32Array(2);
  sockets.getOption(s.fd, symbol("SOL_SOCKET")!, symbol("SO_LINGER")!, new Uint8Array(linger.buffer));
  if (linger[0] !== 0 && linger[1] !== 0 && !s.nonblocking) return undefined;
  call.around.table.delete(call.number(0));
  return answered(libc.close(s.fd));
}

/** A namespace has only the script's addresses. */
function name(call: KernelCall, port: number, address: string): Outcome {
  return port < 0 ? answered(port) : done(0, ...addressFaults(call, call.value(1), port, address));
}

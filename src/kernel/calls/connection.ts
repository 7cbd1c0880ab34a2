import type { Syscall } from "#drill/ast";
import { addressFaults, addressOf, portOf } from "#drill/calls/addresses";
import { Arguments, type Attempt, done, failed, type Outcome, opened, type Surroundings } from "#drill/calls/sockets";
import { addressBytes } from "#drill/config";
import type { Flow } from "#drill/flow";
import { symbol } from "#drill/symbols";
import { errnoName } from "#ffi/errno";
import * as libc from "#ffi/libc";
import * as sockets from "#ffi/sockets";
import { ioCall } from "./io.ts";
import { optionCall } from "./options.ts";
import { pollCall } from "./poll.ts";

/**
 * Scripts' calls as the kernel's own. Every descriptor is non-blocking; for one that the script has blocking, a call that
 * would wait (EAGAIN, EINPROGRESS) is tried again when something may have changed, as the interpreter's own calls are.
 */

/** A descriptor of the kernel, and what the script does not see of it. */
export class KernelSocket {
  readonly kind = "system";
  /** As the script has it. */
  nonblocking: boolean;
  /** Octets of each stream that went through calls: the places in the pattern. */
  read = 0;
  wrote = 0;
  /** What MSG_ZEROCOPY lets the kernel read later: it stays where it is. */
  readonly lent: Uint8Array[] = [];

  constructor(
    readonly fd: number,
    readonly flow: Flow | undefined,
    nonblocking: boolean,
    readonly isDatagram = false,
  ) {
    this.nonblocking = nonblocking;
  }

  get datagramPorts(): { readonly local: number; readonly remote: number } | undefined {
    if (!this.isDatagram) return undefined;
    return { local: Math.max(0, sockets.localPort(this.fd)), remote: Math.max(0, sockets.peerPort(this.fd)) };
  }
}

/** Who the two ends are. */
export interface Ends {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
}

export class KernelCall extends Arguments {
  constructor(
    readonly around: Surroundings,
    readonly ends: Ends,
    /** The congestion control of new sockets, if it is not the kernel's own choice. */
    readonly control: string | undefined,
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

  /** The kernel's number for a descriptor of the script; -1, which the kernel knows no better than we do. */
  fd(index: number): number {
    return this.socket(index)?.fd ?? -1;
  }

  /** Tries a call of the kernel for a socket of ours. */
  on(act: (s: KernelSocket, now: number) => Outcome | undefined): Attempt {
    return (now) => {
      const s = this.socket(0);
      return s ? act(s, now) : failed("EBADF");
    };
  }
}

/** How long a blocking call waits: SO_RCVTIMEO or SO_SNDTIMEO of its socket, which the kernel's own, non-blocking one does not. */
export class Patience {
  #end: number | undefined;

  constructor(
    readonly call: KernelCall,
    readonly option: "SO_RCVTIMEO" | "SO_SNDTIMEO",
  ) {}

  /** Whether the call has waited long enough; it begins with the first question. */
  isOver(s: KernelSocket, now: number): boolean {
    if (this.#end === undefined) {
      const usecs = timeoutOf(s.fd, symbol(this.option)!);
      this.#end = usecs === 0 ? Number.POSITIVE_INFINITY : now + usecs;
      if (usecs > 0) this.call.around.wakeAt(this.#end);
    }
    return now >= this.#end;
  }
}

/** struct timeval, as microseconds. */
function timeoutOf(fd: number, option: number): number {
  const time = new BigInt64Array(2);
  sockets.getOption(fd, symbol("SOL_SOCKET")!, option, new Uint8Array(time.buffer));
  return Number(time[0]!) * 1e6 + Number(time[1]!);
}

const NONBLOCK = symbol("O_NONBLOCK")!;
const AGAIN = symbol("EAGAIN")!;
const IN_PROGRESS = symbol("EINPROGRESS")!;
const ALREADY = symbol("EALREADY")!;

/** What the kernel answered. */
export function answered(n: number): Outcome {
  return n < 0 ? failed(errnoName(-n)) : done(n);
}

/** The same, but where the script's socket blocks, "not now" is to wait. */
export function answeredOrWaits(n: number, nonblocking: boolean): Outcome | undefined {
  return n === -AGAIN && !nonblocking ? undefined : answered(n);
}

export function kernelCall(call: KernelCall): Attempt | undefined {
  return connectionCall(call) ?? ioCall(call) ?? optionCall(call) ?? pollCall(call);
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
    return call.unsupported(`socket of type ${type} in a kernel`);
  return () => {
    const fd = sockets.socket(family, type, protocol);
    if (fd >= 0 && type === sockets.SOCK_DGRAM) return opened(new KernelSocket(fd, undefined, nonblocking, true));
    if (fd >= 0 && call.control !== undefined) {
      const name = new TextEncoder().encode(call.control);
      sockets.setOption(fd, symbol("SOL_TCP")!, symbol("TCP_CONGESTION")!, name);
    }
    return fd < 0 ? answered(fd) : opened(new KernelSocket(fd, call.around.newFlow(), nonblocking));
  };
}

function bind(call: KernelCall, s: KernelSocket): Outcome {
  const wanted = portOf(call, 1, call.around.bindPort);
  const result = sockets.bind(s.fd, sockets.socketAddress(writtenAddress(call) ?? call.ends.local, wanted));
  if (result >= 0 && s.flow) s.flow.localPort = sockets.localPort(s.fd);
  return answered(result);
}

/** The address that the script writes, if it writes one. */
function writtenAddress(call: KernelCall): Uint8Array | undefined {
  const value = call.value(1);
  const text = value.kind === "struct" ? addressOf(call, value) : undefined;
  if (text === undefined) return undefined;
  const family = call.ends.local.length === 16 ? 6 : 4;
  return addressBytes(text, family) ?? call.unsupported(`the address ${text} of ${call.name}`);
}

function listen(call: KernelCall, s: KernelSocket): Outcome {
  const result = sockets.listen(s.fd, call.number(1));
  if (result >= 0 && s.flow) {
    s.flow.kind = "listening";
    // One that was bound to nothing has a port now.
    s.flow.localPort = sockets.localPort(s.fd);
  }
  return answered(result);
}

/** Asked again while the handshake goes on, connect() says what it came to. */
function connect(call: KernelCall): Attempt {
  let begun = false;
  const patience = new Patience(call, "SO_SNDTIMEO");
  const address = call.value(1);
  if (address.kind === "word" && address.name === "AF_UNSPEC")
    return call.on((s) => answered(sockets.connect(s.fd, new Uint8Array(sockets.ADDRESS))));
  return call.on((s, now) => {
    const remotePort = portOf(call, 1, call.around.connectPort);
    const result = sockets.connect(s.fd, sockets.socketAddress(call.ends.remote, remotePort));
    if (s.flow && (result >= 0 || result === -IN_PROGRESS)) {
      s.flow.kind = "active";
      s.flow.localPort = sockets.localPort(s.fd);
      s.flow.remotePort = remotePort;
    }
    const waits = result === -IN_PROGRESS || (begun && result === -ALREADY);
    begun = true;
    if (waits && !s.nonblocking) return patience.isOver(s, now) ? answered(-IN_PROGRESS) : undefined;
    return answered(result);
  });
}

function accept(call: KernelCall): Attempt {
  const patience = new Patience(call, "SO_RCVTIMEO");
  return call.on((s, now) => {
    const fd = sockets.accept(s.fd);
    if (fd < 0) return answeredOrWaits(fd, s.nonblocking || patience.isOver(s, now));
    const flow = call.around.flowOf(sockets.localPort(fd), sockets.peerPort(fd));
    const nonblocking = call.name === "accept4" && (call.number(3) & NONBLOCK) !== 0;
    const remotePort = sockets.peerPort(fd);
    const outcome = opened(new KernelSocket(fd, flow ?? s.flow, nonblocking));
    const faults = addressFaults(call, call.value(1), remotePort, call.around.remoteAddress);
    if (!flow && remotePort >= 0)
      faults.push(`accepted a connection from port ${remotePort}, which the script never made`);
    return { ...outcome, faults };
  });
}

/** The kernel would wait in close() for what SO_LINGER says, and we with it, without a packet from the script. */
function close(call: KernelCall, s: KernelSocket): Outcome {
  const linger = new Uint32Array(2);
  sockets.getOption(s.fd, symbol("SOL_SOCKET")!, symbol("SO_LINGER")!, new Uint8Array(linger.buffer));
  if (linger[0] !== 0 && linger[1] !== 0) return call.unsupported("a close that lingers, in a kernel");
  call.around.table.delete(call.number(0));
  return answered(libc.close(s.fd));
}

/** A namespace has no other addresses than the script's. */
function name(call: KernelCall, port: number, address: string): Outcome {
  return port < 0 ? answered(port) : done(0, ...addressFaults(call, call.value(1), port, address));
}

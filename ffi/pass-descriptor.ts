import { libraryOf, resultOf } from "./libc.ts";
import { call, Memory } from "./sockets.ts";
import { check } from "./system-error.ts";
import { IOVEC, putIovec } from "./virtio.ts";

/** Passes a descriptor to another process over a socket (unix(7), SCM_RIGHTS). */

const libc = libraryOf({ socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" } } as const);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSGHDR = 56;
/** struct cmsghdr, and one descriptor padded to eight bytes. */
const CMSG = 16 + 8;
const CMSG_LENGTH = 16 + 4;

/** Two connected sockets; neither blocks, and both close on exec. Throws SystemError. */
export function socketPair(): [number, number] {
  const pair = new Int32Array(2);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  check(resultOf(libc().socketpair(AF_UNIX, type, 0, pair)), "socketpair", "this process");
  return [pair[0]!, pair[1]!];
}

/** Sends one octet and the descriptor. Returns 1, or the negated error number. */
export function sendDescriptor(socket: number, descriptor: number): number {
  const memory = new Memory();
  const control = new DataView(new ArrayBuffer(CMSG));
  control.setBigUint64(0, BigInt(CMSG_LENGTH), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(16, descriptor, true);
  const sent = call("sendmsg", [socket, memory.address(message(memory, Uint8Array.of(1), control)), MSG_NOSIGNAL]);
  memory.release();
  return sent;
}

/** `receiveDescriptor` got an octet without a descriptor, or the end of the stream. */
export const NO_DESCRIPTOR = -4096;

/** Receives one octet and the descriptor. Returns the descriptor, NO_DESCRIPTOR, or a negated error number. */
export function receiveDescriptor(socket: number, octet: Uint8Array): number {
  const memory = new Memory();
  const control = new DataView(new ArrayBuffer(CMSG));
  const header = message(memory, octet, control);
  const n = call("recvmsg", [socket, memory.address(header), MSG_CMSG_CLOEXEC]);
  memory.release();
  if (n < 0) return n;
  const has = header.getUint32(40, true) >= CMSG_LENGTH && control.getInt32(12, true) === SCM_RIGHTS;
  return n === 0 || !has ? NO_DESCRIPTOR : control.getInt32(16, true);
}

/** struct msghdr with one buffer and one control message. */
function message(memory: Memory, bytes: Uint8Array, control: DataView): DataView {
  const vector = new Uint32Array(IOVEC / 4);
  putIovec(vector, 0, memory.address(bytes), bytes.length);
  const header = new DataView(new ArrayBuffer(MSGHDR));
  header.setBigUint64(16, BigInt(memory.address(vector)), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, BigInt(memory.address(control)), true);
  header.setBigUint64(40, BigInt(control.byteLength), true);
  return header;
}

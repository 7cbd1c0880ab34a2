import { libraryOf, resultOf } from "./libc.ts";
import { call, Memory, messageOf, receive, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "./sockets.ts";
import { check } from "./system-error.ts";
import { IOVEC, putIovec } from "./virtio.ts";

/** Passes a descriptor to another process over a socket (unix(7), SCM_RIGHTS). */

const libc = libraryOf({ socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" } } as const);

const AF_UNIX = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
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
  const vector = new Uint32Array(IOVEC / 4);
  putIovec(vector, 0, memory.address(Uint8Array.of(1)), 1);
  const message = messageOf(memory, null, vector, 1, new Uint8Array(control.buffer));
  const sent = call("sendmsg", [socket, memory.address(message), MSG_NOSIGNAL]);
  memory.release();
  return sent;
}

/** `receiveDescriptor` got an octet without a descriptor, or the end of the stream. */
export const NO_DESCRIPTOR = -4096;

/** Receives one octet and the descriptor. Returns the descriptor, NO_DESCRIPTOR, or a negated error number. */
export function receiveDescriptor(socket: number, octet: Uint8Array): number {
  const { n, bytes, control } = receive(socket, 1, MSG_CMSG_CLOEXEC);
  if (n < 0) return n;
  octet.set(bytes);
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const has = n > 0 && control.length >= CMSG_LENGTH && view.getInt32(12, true) === SCM_RIGHTS;
  return has ? view.getInt32(16, true) : NO_DESCRIPTOR;
}

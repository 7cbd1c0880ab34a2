import type { Value } from "../language/ast.ts";
import { type ExpectedMessage, expectedMessage } from "./messages.ts";
import type { Arguments } from "./sockets.ts";

/** The arguments of a read or write. */
export interface Transfer {
  readonly count: number;
  readonly flags: number;
  /** Text instead of the pattern. */
  readonly text: Uint8Array | undefined;
  /** The length of each buffer. */
  readonly pieces: readonly number[];
  /** The buffer is at an invalid address: EFAULT, once it is accessed. */
  readonly nowhere: boolean;
  /** recvmsg: the expected result besides the octets. */
  readonly message: ExpectedMessage | undefined;
}

export function transferOf(call: Arguments): Transfer {
  const name = call.name;
  if (name === "readv" || name === "writev") return vector(call, call.value(1), 0, undefined);
  if (name === "sendmsg" || name === "recvmsg") return messageTransfer(call);
  const buffer = call.value(1);
  const count = call.number(2);
  const flags = call.syscall.args.length > 3 ? call.number(3) : 0;
  const nowhere = buffer.kind === "integer" || (buffer.kind === "word" && buffer.name === "NULL");
  if (!nowhere && buffer.kind !== "ellipsis" && buffer.kind !== "string")
    return call.unsupported(`buffer of kind ${buffer.kind} of ${name}`);
  if (buffer.kind === "string" && /^re/.test(name)) return call.unsupported(`${name} into a string`);
  const text = buffer.kind === "string" ? textOf(call, buffer, count) : undefined;
  return { count, flags, text, pieces: [count], nowhere, message: undefined };
}

function messageTransfer(call: Arguments): Transfer {
  const message = call.value(1);
  const flags = call.syscall.args.length > 2 ? call.number(2) : 0;
  if (message.kind === "word" && message.name === "NULL") {
    return { count: 1, flags, text: undefined, pieces: [1], nowhere: true, message: undefined };
  }
  const iov = call.fieldValue(message, "msg_iov") ?? call.unsupported(`${call.name} without msg_iov`);
  if (call.name === "recvmsg") return vector(call, iov, flags, expectedMessage(call, message));
  const control = call.fieldValue(message, "msg_control");
  if (control && !(control.kind === "list" && control.items.length === 0))
    return call.unsupported("sendmsg with msg_control");
  return vector(call, iov, flags, undefined);
}

function textOf(call: Arguments, buffer: Value, count: number): Uint8Array {
  const bytes = new TextEncoder().encode(buffer.kind === "string" ? buffer.text : "");
  if (bytes.length < count) return call.unsupported(`${call.name} of ${count} octets from a string of ${bytes.length}`);
  return bytes.slice(0, count);
}

/** `[{..., 1000}, {..., 500}]` */
function vector(call: Arguments, value: Value, flags: number, message: ExpectedMessage | undefined): Transfer {
  if (value.kind !== "list") return call.unsupported(`${call.name} without a list of buffers`);
  let nowhere = false;
  const pieces = value.items.map((item) => {
    const fields = item.kind === "struct" ? item.fields : [];
    const base = (fields.find((field) => field.name === "iov_base") ?? fields[0])?.value;
    const length = (fields.find((field) => field.name === "iov_len") ?? fields[1])?.value;
    if (length === undefined || base === undefined) return call.unsupported(`buffers of ${call.name}`);
    const n = call.numberOf(length);
    const missing = base.kind === "integer" || (base.kind === "word" && base.name === "NULL");
    if (missing && n > 0) nowhere = true;
    else if (base.kind !== "ellipsis" && !missing) return call.unsupported(`buffers of ${call.name}`);
    return n;
  });
  const count = pieces.reduce((sum, n) => sum + n, 0);
  return { count, flags, text: undefined, pieces, nowhere, message };
}

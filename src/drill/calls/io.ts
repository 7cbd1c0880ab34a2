import type { Value } from "../ast.ts";
import { pattern, patternByte } from "../codec.ts";
import type { EngineConnection } from "../engine.ts";
import { symbol } from "../symbols.ts";
import {
  type Arguments,
  type Attempt,
  type Call,
  done,
  failed,
  lowWater,
  noteSoftError,
  type Socket,
  type TcpSocket,
  takeError,
  type UdpSocket,
} from "./sockets.ts";

const bit = (name: string): number => symbol(name)!;
const PEEK = bit("MSG_PEEK");
const DONTWAIT = bit("MSG_DONTWAIT");
const WAITALL = bit("MSG_WAITALL");
const TRUNC = bit("MSG_TRUNC");
const MORE = bit("MSG_MORE");
const OOB = bit("MSG_OOB");
const NOSIGNAL = bit("MSG_NOSIGNAL");
const EOR = bit("MSG_EOR");

/** What a read or write is about: how many octets, which flags, and text instead of the pattern. */
export interface Transfer {
  readonly count: number;
  readonly flags: number;
  readonly text: Uint8Array | undefined;
  /** Octets that a TCP_CM_INQ control message must tell; undefined: none is written. */
  readonly inq: number | undefined;
  /** recvmsg: control messages are looked at. */
  readonly isMessage: boolean;
}

export function ioCall(call: Call): Attempt | undefined {
  const reading = /^(read|readv|recv|recvfrom|recvmsg)$/.test(call.name);
  if (!reading && !/^(write|writev|send|sendto|sendmsg)$/.test(call.name)) return undefined;
  const transfer = transferOf(call);
  const known = reading ? PEEK | DONTWAIT | WAITALL | TRUNC | NOSIGNAL : DONTWAIT | MORE | OOB | NOSIGNAL | EOR;
  if ((transfer.flags & ~known) !== 0) {
    return call.unsupported(`${call.name} with flags 0x${((transfer.flags & ~known) >>> 0).toString(16)}`);
  }
  const attempt = reading ? read(transfer) : write(transfer);
  return (now) => {
    const s = call.socket(0);
    if (!s) return failed("EBADF");
    if (s.kind === "epoll") return failed("EINVAL");
    const outcome = attempt(s, now);
    return outcome === undefined && (s.nonblocking || transfer.flags & DONTWAIT) ? failed("EAGAIN") : outcome;
  };
}

export function transferOf(call: Arguments): Transfer {
  const name = call.name;
  if (name === "readv" || name === "writev") return vector(call, call.value(1), 0);
  if (name === "sendmsg" || name === "recvmsg") {
    const message = call.value(1);
    const control = call.fieldValue(message, "msg_control");
    const inq = name === "recvmsg" ? controlInq(call, control) : undefined;
    if (inq === undefined && control && !(control.kind === "list" && control.items.length === 0))
      return call.unsupported("msg_control");
    const vectorValue = call.fieldValue(message, "msg_iov") ?? call.unsupported(`${name} without msg_iov`);
    const received = name === "recvmsg" ? (call.field(message, "msg_flags") ?? 0) : 0;
    if (received !== 0) return call.unsupported("recvmsg with msg_flags");
    return {
      ...vector(call, vectorValue, call.syscall.args.length > 2 ? call.number(2) : 0),
      inq,
      isMessage: name === "recvmsg",
    };
  }
  const buffer = call.value(1);
  const count = call.number(2);
  if (buffer.kind !== "ellipsis" && buffer.kind !== "string")
    return call.unsupported(`buffer of kind ${buffer.kind} of ${name}`);
  if (buffer.kind === "string" && /^re/.test(name)) return call.unsupported(`${name} into a string`);
  const flags = call.syscall.args.length > 3 ? call.number(3) : 0;
  return {
    count,
    flags,
    text: buffer.kind === "string" ? textOf(call, buffer, count) : undefined,
    inq: undefined,
    isMessage: false,
  };
}

function textOf(call: Arguments, buffer: Value, count: number): Uint8Array {
  const bytes = new TextEncoder().encode(buffer.kind === "string" ? buffer.text : "");
  if (bytes.length < count) return call.unsupported(`${call.name} of ${count} octets from a string of ${bytes.length}`);
  return bytes.slice(0, count);
}

/** `[{..., 1000}, {..., 500}]`: the sum of the lengths. */
function vector(call: Arguments, value: Value, flags: number): Transfer {
  if (value.kind !== "list") return call.unsupported(`${call.name} without a list of buffers`);
  let count = 0;
  for (const item of value.items) {
    const fields = item.kind === "struct" ? item.fields : [];
    const base = fields.find((field) => field.name === "iov_base") ?? fields[0];
    const length = fields.find((field) => field.name === "iov_len") ?? fields[1];
    if (base?.value.kind !== "ellipsis" || length?.value.kind !== "integer")
      return call.unsupported(`buffers of ${call.name}`);
    count += length.value.value;
  }
  return { count, flags, text: undefined, inq: undefined, isMessage: false };
}

/** `[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=N}]` */
function controlInq(call: Arguments, control: Value | undefined): number | undefined {
  if (control?.kind !== "list" || control.items.length !== 1) return undefined;
  const [message] = control.items;
  const type = call.fieldValue(message!, "cmsg_type");
  if (type?.kind !== "word" || type.name !== "TCP_CM_INQ") return undefined;
  return call.field(message!, "cmsg_data");
}

/** With TCP_INQ each recvmsg tells what is left to read; after the last octet of a finished stream it is 1, the end itself. */
function controlFaults(s: TcpSocket, connection: EngineConnection, t: Transfer): string[] {
  const told = s.options.get("TCP_INQ") ? connection.readable() || Number(connection.finished()) : undefined;
  return told === t.inq || !t.isMessage ? [] : [`TCP_CM_INQ is ${told ?? "not there"}, not ${t.inq ?? "absent"}`];
}

type Step = (socket: Exclude<Socket, { kind: "epoll" }>, now: number) => ReturnType<Attempt>;

function read(t: Transfer): Step {
  let got = 0;
  const faults: string[] = [];
  return (s, now) => {
    if (s.kind === "udp") return readUdp(s, t);
    const connection = s.connection;
    if (!connection) return failed("ENOTCONN");
    if (t.count === 0) return done(0);
    const into = new Uint8Array(Math.min(t.count - got, connection.readable()));
    if (into.length > 0) {
      const n = connection.receive(into, (t.flags & PEEK) !== 0, now);
      if ((t.flags & TRUNC) === 0) checkPattern(into.subarray(0, n), s.read, faults);
      if ((t.flags & PEEK) === 0) s.read += n;
      got += n;
    }
    const waitsForAll = (t.flags & WAITALL) !== 0 && (t.flags & PEEK) === 0;
    const nonblocking = s.nonblocking || (t.flags & DONTWAIT) !== 0;
    const enough = nonblocking ? 1 : waitsForAll ? t.count : Math.min(lowWater(s), t.count);
    const returned = () => done(got, ...faults, ...controlFaults(s, connection, t));
    if (got >= enough) return returned();
    const over = end(s, connection);
    if (over === undefined) return undefined;
    return got > 0 ? returned() : over();
  };
}

/** Nothing more will come: the end of the stream (which a later reset does not take back), or the error. Undefined: it may still come. */
function end(s: TcpSocket, connection: EngineConnection): (() => ReturnType<Attempt>) | undefined {
  if (connection.finished()) return () => done(0);
  noteSoftError(s);
  if (s.softError ?? connection.error()) return () => failed(takeError(s)!);
  return s.readShut || connection.state() === "CLOSED" ? () => done(0) : undefined;
}

export function checkPattern(bytes: Uint8Array, offset: number, faults: string[]): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === patternByte(offset + i)) continue;
    faults.push(
      `octet ${offset + i} of the stream was read as 0x${bytes[i]!.toString(16)}, not 0x${patternByte(offset + i).toString(16)}`,
    );
    return;
  }
}

function write(t: Transfer): Step {
  let sent = 0;
  return (s, now) => {
    if (s.kind === "udp") return writeUdp(s, t, now);
    const connection = s.connection;
    const error = takeError(s);
    if (error) return sent > 0 ? done(sent) : failed(error);
    if (!connection || s.writeShut || connection.state() === "CLOSED") return sent > 0 ? done(sent) : failed("EPIPE");
    const handshake = connection.state() === "SYN-SENT" || connection.state() === "SYN-RECEIVED";
    if (handshake) return undefined;
    const bytes = t.text?.slice(sent) ?? pattern(s.wrote, t.count - sent);
    const flags = { more: (t.flags & MORE) !== 0, urgent: (t.flags & OOB) !== 0 };
    if (bytes.length > 0) {
      const n = connection.send(bytes, flags, now);
      s.flow.wrote(s.wrote, bytes.subarray(0, n));
      s.wrote += n;
      sent += n;
    }
    if (sent === t.count) return done(sent);
    return s.nonblocking || t.flags & DONTWAIT ? (sent > 0 ? done(sent) : failed("EAGAIN")) : undefined;
  };
}

function readUdp(s: UdpSocket, t: Transfer): ReturnType<Attempt> {
  const error = s.endpoint?.takeError();
  if (error) return failed(error);
  const datagram = s.endpoint?.receive();
  if (!datagram) return undefined;
  const faults: string[] = [];
  checkPattern(datagram.bytes, 0, faults);
  return done(Math.min(t.count, datagram.bytes.length), ...faults);
}

function writeUdp(s: UdpSocket, t: Transfer, now: number): ReturnType<Attempt> {
  const error = s.endpoint?.takeError();
  if (error) return failed(error);
  if (!s.endpoint || s.remotePort === 0) return failed("EDESTADDRREQ");
  return s.endpoint.send(t.text ?? pattern(0, t.count), s.remotePort, now) ? done(t.count) : undefined;
}

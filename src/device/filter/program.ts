/**
 * The filter's program (docs/adr/0077). Linux runs it for each packet before the device's queue; the packet begins with its IP header. It returns
 * PASS, or DROP for a packet of a kind that is limited and has used its rate. What it cannot read, it lets pass: the stack decides.
 */

import { V4_MAPPED } from "#ip/address";
import { ECHO_REQUEST, FRAGMENT, KINDS, STRAY_DATAGRAM, STRAY_SEGMENT, SYN_KINDS } from "#ip/flood-filter";
import { EXPECTED, M0, M1 } from "#ip/flow-hash";
import * as icmpv4 from "#wire/icmpv4";
import * as icmpv6 from "#wire/icmpv6";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as protocol from "#wire/protocol";
import * as tcp from "#wire/tcp";
import { Assembler, FP, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, reg, U8, U16, U32, U64 } from "./assembler.ts";
import * as table from "./layout.ts";

/** Results: all octets of the packet, or none. */
export const PASS = -1;
export const DROP = 0;

/** Functions of the kernel (enum bpf_func_id). */
const KTIME_GET_NS = 5;
const SKB_LOAD_BYTES = 26;

/** On the stack, below FP: the IP header, the first octets of the transport header, and what was read of them in this machine's order. */
const IP = -40;
const TRANSPORT = -56;
/** The remote address, `a` first. */
const SOURCE = -72;
/** The words of the local address, combined. */
const LOCAL = -76;
/** The remote host as `SynFlood` knows it. */
const HOST = -80;
/** Where the transport header begins. */
const START = -84;

/** Kept in registers: the packet, the table, the time, and the record of the kind. */
const [PACKET, TABLE, NOW, LIMIT] = [R6, R7, R8, R9];

/** The part of the IPv6 fold and of the place of a source that `SynFlood` has, too. */
const PLACE_MULTIPLIER = 0x9e3779b1;

export function floodProgram(map: number): Uint8Array {
  const a = new Assembler();
  a.op64("mov", PACKET, reg(R1));
  a.mapValue(TABLE, map);
  a.load(U64, R1, TABLE, table.ANY_UNTIL);
  a.jumpIf(R1, "==", 0, "pass");
  a.call(KTIME_GET_NS);
  a.op64("mov", NOW, reg(R0));
  a.load(U64, R1, TABLE, table.ANY_UNTIL);
  a.jumpIf(NOW, ">=", reg(R1), "pass");
  load(a, 0, IP, ipv4.HEADER_MIN);
  a.load(U8, R1, FP, IP);
  a.op64("mov", R2, reg(R1));
  a.op64("rsh", R2, 4);
  a.jumpIf(R2, "==", 4, "ipv4");
  a.jumpIf(R2, "==", 6, "ipv6");
  a.jump("pass");
  readIPv4(a);
  readIPv6(a);
  judgeSegment(a);
  judgeDatagram(a);
  judgeEcho(a);
  a.label("fragment");
  hash(a, "source");
  passIfThere(a);
  a.op64("mov", LIMIT, limitOf(FRAGMENT));
  a.label("limit");
  applyLimit(a);
  a.label("pass");
  a.op64("mov", R0, PASS);
  a.exit();
  return a.encode();
}

/** Octets of the packet, to the stack. */
function load(a: Assembler, offset: number | "start", to: number, n: number): void {
  a.op64("mov", R1, reg(PACKET));
  if (offset === "start") a.load(U32, R2, FP, START);
  else a.op64("mov", R2, offset);
  a.op64("mov", R3, reg(FP));
  a.op64("add", R3, to);
  a.op64("mov", R4, n);
  a.call(SKB_LOAD_BYTES);
  a.jumpIf(R0, "!=", 0, "pass");
}

/** A word of the packet, to the stack, in this machine's order; it stays in `register`. */
function copyWord(a: Assembler, register: number, from: number, to: number): void {
  a.load(U32, register, FP, from);
  a.fromNetwork(register, 32);
  a.store(U32, FP, to, register);
}

function storeNumber(a: Assembler, to: number, value: number): void {
  a.op32("mov", R2, value);
  a.store(U32, FP, to, R2);
}

function readIPv4(a: Assembler): void {
  a.label("ipv4");
  a.op64("and", R1, 15);
  a.op64("lsh", R1, 2);
  a.jumpIf(R1, "<", ipv4.HEADER_MIN, "pass");
  a.store(U32, FP, START, R1);
  storeNumber(a, SOURCE, 0);
  storeNumber(a, SOURCE + 4, 0);
  storeNumber(a, SOURCE + 8, V4_MAPPED);
  copyWord(a, R2, IP + ipv4.SOURCE, SOURCE + 12);
  a.store(U32, FP, HOST, R2);
  a.load(U32, R2, FP, IP + ipv4.DESTINATION);
  a.fromNetwork(R2, 32);
  a.op32("xor", R2, V4_MAPPED);
  a.store(U32, FP, LOCAL, R2);
  a.load(U16, R2, FP, IP + ipv4.FLAGS_FRAGMENT);
  a.fromNetwork(R2, 16);
  // All but "don't fragment" and the reserved bit.
  a.jumpIf(R2, "&", 0x3fff, "fragment");
  a.load(U8, R2, FP, IP + ipv4.PROTOCOL);
  a.jumpIf(R2, "==", protocol.TCP, "tcp");
  a.jumpIf(R2, "==", protocol.UDP, "udp");
  a.op64("mov", R9, icmpv4.ECHO_REQUEST);
  a.jumpIf(R2, "==", protocol.ICMP, "icmp");
  a.jump("pass");
}

function readIPv6(a: Assembler): void {
  a.label("ipv6");
  load(a, 0, IP, ipv6.HEADER);
  storeNumber(a, START, ipv6.HEADER);
  for (let word = 0; word < 4; word++) copyWord(a, word + R1, IP + ipv6.SOURCE + word * 4, SOURCE + word * 4);
  // The /64 in one word, as `SynFlood` has it: R1 and R2 are the first two.
  a.op32("mul", R1, M0);
  a.op32("xor", R1, reg(R2));
  a.op32("or", R1, 1);
  a.store(U32, FP, HOST, R1);
  a.load(U32, R1, FP, IP + ipv6.DESTINATION);
  for (let word = 1; word < 4; word++) {
    a.load(U32, R2, FP, IP + ipv6.DESTINATION + word * 4);
    a.op32("xor", R1, reg(R2));
  }
  a.fromNetwork(R1, 32);
  a.store(U32, FP, LOCAL, R1);
  a.load(U8, R2, FP, IP + ipv6.NEXT_HEADER);
  a.jumpIf(R2, "==", protocol.TCP, "tcp");
  a.jumpIf(R2, "==", protocol.UDP, "udp");
  a.jumpIf(R2, "==", protocol.FRAGMENT, "fragment");
  a.op64("mov", R9, icmpv6.ECHO_REQUEST);
  a.jumpIf(R2, "==", protocol.ICMPV6, "icmp");
  a.jump("pass");
}

function judgeSegment(a: Assembler): void {
  a.label("tcp");
  load(a, "start", TRANSPORT, tcp.OFFSET_FLAGS + 2);
  a.load(U16, R5, FP, TRANSPORT + tcp.DESTINATION_PORT);
  a.fromNetwork(R5, 16);
  a.op32("lsh", R5, 16);
  a.load(U16, R1, FP, TRANSPORT + tcp.SOURCE_PORT);
  a.fromNetwork(R1, 16);
  a.op32("or", R5, reg(R1));
  hash(a, "flow");
  passIfThere(a);
  a.op64("mov", LIMIT, limitOf(STRAY_SEGMENT));
  a.load(U8, R1, FP, TRANSPORT + tcp.OFFSET_FLAGS + 1);
  a.op32("and", R1, tcp.SYN | tcp.ACK | tcp.RST);
  a.jumpIf(R1, "==", tcp.SYN, "syn");
  a.op32("xor", R0, EXPECTED);
  passIfThere(a);
  a.jump("limit");
  a.label("syn");
  hash(a, protocol.TCP);
  count(a, R1);
  a.jumpIf(R1, "==", 0, "limit");
  // The kind of SYNs for this listener.
  a.op64("mov", LIMIT, reg(R0));
  a.op32("rsh", LIMIT, 18);
  a.op32("and", LIMIT, SYN_KINDS - 1);
  a.op64("mul", LIMIT, table.LIMIT_SIZE);
  a.op64("add", LIMIT, limitOf(KINDS));
  passIfKnown(a);
  a.jump("limit");
}

/** To "pass" if the remote host has completed a handshake: the place as `SynFlood` computes it. */
function passIfKnown(a: Assembler): void {
  a.load(U32, R1, FP, HOST);
  a.op32("mov", R2, reg(R1));
  a.op32("rsh", R2, 15);
  a.op32("xor", R2, reg(R1));
  a.load(U32, R3, TABLE, table.SOURCE_KEY);
  a.op32("xor", R2, reg(R3));
  a.op32("mul", R2, PLACE_MULTIPLIER);
  a.op32("rsh", R2, 32 - table.SOURCES_SHIFT);
  a.op64("lsh", R2, 2);
  a.op64("add", R2, reg(TABLE));
  a.load(U32, R3, R2, table.SOURCES);
  a.jumpIf(R3, "==", reg(R1), "pass");
}

function judgeDatagram(a: Assembler): void {
  a.label("udp");
  load(a, "start", TRANSPORT, 4);
  a.load(U16, R5, FP, TRANSPORT + 2);
  a.fromNetwork(R5, 16);
  a.op32("lsh", R5, 16);
  hash(a, protocol.UDP);
  passIfThere(a);
  a.op64("mov", LIMIT, limitOf(STRAY_DATAGRAM));
  a.jump("limit");
}

/** R9 has the type of an echo request. */
function judgeEcho(a: Assembler): void {
  a.label("icmp");
  load(a, "start", TRANSPORT, 1);
  a.load(U8, R1, FP, TRANSPORT);
  a.jumpIf(R1, "!=", reg(R9), "pass");
  a.op64("mov", LIMIT, limitOf(ECHO_REQUEST));
  a.jump("limit");
}

/**
 * A hash of `#ip/flow-hash` in R0: of the flow, of the source alone, or (a protocol number) of the local port. R5 has
 * `local port << 16 | remote port`.
 */
function hash(a: Assembler, of: "flow" | "source" | number): void {
  const [h, t, k1] = [R0, R1, R3];
  a.load(U32, R2, TABLE, table.KEY0);
  a.load(U32, k1, TABLE, table.KEY1);
  if (of === "source") a.op32("mov", h, 0);
  else a.op32("mov", h, reg(R5));
  // A listener has no remote port.
  if (typeof of === "number") a.op32("and", h, 0xffff0000 | 0);
  a.op32("xor", h, reg(R2));
  a.op32("mul", h, M0 | 0);
  a.op32("xor", h, reg(k1));
  const rounds = [
    { shift: 15, word: SOURCE + 12, multiplier: M1 | 0 },
    { shift: 13, word: SOURCE + 8, multiplier: reg(k1) },
    { shift: 16, word: SOURCE + 4, multiplier: M0 | 0 },
    { shift: 15, word: SOURCE, multiplier: M1 | 0 },
    { shift: 16, word: LOCAL, multiplier: reg(k1) },
  ];
  for (const { shift, word, multiplier } of rounds) {
    a.op32("mov", t, reg(h));
    a.op32("rsh", t, shift);
    a.op32("xor", h, reg(t));
    if (of === "flow" || (of === "source" && word !== LOCAL)) {
      a.load(U32, t, FP, word);
      a.op32("xor", h, reg(t));
    } else if (typeof of === "number" && word === LOCAL) {
      a.op32("xor", h, of);
    }
    a.op32("mul", h, multiplier);
  }
  a.op32("mov", t, reg(h));
  a.op32("rsh", t, 14);
  a.op32("xor", h, reg(t));
}

/** How many have the hash in R0. */
function count(a: Assembler, to: number): void {
  a.op32("mov", R2, reg(R0));
  a.op32("and", R2, (1 << table.FLOWS_SHIFT) - 1);
  a.op64("lsh", R2, 2);
  a.op64("add", R2, reg(TABLE));
  a.op64("add", R2, table.FLOWS);
  a.load(U32, to, R2, 0);
}

function passIfThere(a: Assembler): void {
  count(a, R1);
  a.jumpIf(R1, "!=", 0, "pass");
}

/** The offset of a kind's record. */
function limitOf(kind: number): number {
  return table.LIMITS + kind * table.LIMIT_SIZE;
}

/**
 * LIMIT has the offset of the kind's record. The generic cell rate algorithm: a packet is due an interval after the one before; it passes if it
 * is not earlier than that by more than the tolerance, and if not too many wait to be read. Two processors that do this at once
 * may let one packet more pass.
 */
function applyLimit(a: Assembler): void {
  a.op64("add", LIMIT, reg(TABLE));
  a.load(U64, R1, LIMIT, table.UNTIL);
  a.jumpIf(NOW, ">=", reg(R1), "pass");
  a.load(U32, R3, LIMIT, table.PASSED);
  a.jumpIf(R3, ">=", table.UNREAD_MAX, "drop");
  a.load(U64, R1, LIMIT, table.DUE);
  a.load(U64, R2, TABLE, table.TOLERANCE);
  a.op64("add", R2, reg(NOW));
  a.jumpIf(R1, ">", reg(R2), "drop");
  a.jumpIf(R1, ">=", reg(NOW), "late");
  a.op64("mov", R1, reg(NOW));
  a.label("late");
  a.load(U64, R2, TABLE, table.INTERVAL);
  a.op64("add", R1, reg(R2));
  a.store(U64, LIMIT, table.DUE, R1);
  a.op64("add", R3, 1);
  a.store(U32, LIMIT, table.PASSED, R3);
  a.jump("pass");
  a.label("drop");
  a.op64("mov", R1, 1);
  a.atomicAdd(LIMIT, table.DROPPED, R1);
  a.op64("mov", R0, DROP);
  a.exit();
}

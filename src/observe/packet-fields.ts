/** The fields of a TCP segment in the record of a run. */
import { HEADER_ROOM, type Trace } from "#base/trace";
import * as tcphdr from "#wire/tcp";
import { ACK, CWR, FIN, PSH, SYN } from "#wire/tcp";
import { flagNames } from "#wire/tcp-flags";
import { parse, TcpOptions } from "#wire/tcp-options";
import type { TraceEvent } from "./events.ts";

/** A segment. Sequence numbers are relative to the ISN of their direction, modulo 2^32; without a connection they are absolute. */
export interface PacketFields {
  /** SEG.SEQ. */
  readonly seq: number;
  /** Octets of payload. */
  readonly length: number;
  /** "ACK,PSH". */
  readonly flags: string;
  /** SEG.ACK, if the ACK flag is set. */
  readonly ack?: number;
  /** The offered window in octets, after scaling. */
  readonly window: number;
  /** Blocks of the SACK option, relative as `ack`. */
  readonly sack?: readonly (readonly [number, number])[];
  /** The timestamp (RFC 7323). */
  readonly tsval?: number;
  /** The timestamp that it echoes. */
  readonly tsecr?: number;
  /** Of a SYN: its initial sequence number. */
  readonly isn?: number;
  /** Of a SYN: the MSS option. */
  readonly mss?: number;
  /** Of a SYN: how far its windows will be shifted. */
  readonly windowScale?: number;
  /** Of a SYN: SACK is offered. */
  readonly sackPermitted?: boolean;
  /** Of a super-segment: payload octets of each of its segments. */
  readonly segmentSize?: number;
}

const options = new TcpOptions();

type Mutable = { -readonly [K in keyof PacketFields]: PacketFields[K] };

/** Those of record `i`, a sent or received segment. */
export function packetFields(trace: Trace, i: number): PacketFields {
  const flags = trace.c[i]!;
  const fields: Mutable = {
    seq: trace.a[i]! >>> 0,
    length: trace.b[i]!,
    flags: flagNames(flags),
    window: trace.f[i]!,
  };
  if (flags & ACK) fields.ack = trace.e[i]! >>> 0;
  if (trace.g[i]! > 0) fields.segmentSize = trace.g[i]!;
  if (trace.headerN[i]! >= tcphdr.HEADER_MIN) addOptions(fields, trace.headers, i * HEADER_ROOM, trace.headerN[i]!);
  return fields;
}

/** Adds what the options of the header of `n` octets at `o` say. */
export function addOptions(fields: Mutable, v: DataView, o: number, n: number): void {
  const flags = tcphdr.flags(v, o);
  if (flags & SYN) fields.isn = tcphdr.seq(v, o) >>> 0;
  if (n === tcphdr.HEADER_MIN) return;
  parse(v, o + tcphdr.HEADER_MIN, o + n, options);
  if (options.timestamps) {
    fields.tsval = options.tsval >>> 0;
    fields.tsecr = options.tsecr >>> 0;
  }
  if (options.sackBlocks > 0) {
    const base = (fields.ack ?? 0) - tcphdr.ack(v, o);
    fields.sack = Array.from(
      { length: options.sackBlocks },
      (_, k) => [(options.sackLeft[k]! + base) >>> 0, (options.sackRight[k]! + base) >>> 0] as const,
    );
  }
  if ((flags & SYN) === 0) return;
  if (options.mss >= 0) fields.mss = options.mss;
  if (options.windowScale >= 0) fields.windowScale = options.windowScale;
  if (options.sackPermitted) fields.sackPermitted = true;
}

type Sent = TraceEvent & { readonly event: "transport:packet_sent" };

/** The packets that a super-segment is cut into: FIN and PSH belong to the last, CWR to the first (RFC 3168 §6.1.2). */
export function* cut(event: Sent): Generator<Sent, void, void> {
  const { segmentSize, ...whole } = event;
  const names = event.flags.split(",");
  const without =
    (...names: string[]) =>
    (name: string) =>
      !names.includes(name);
  for (let at = 0; at < event.length; at += segmentSize!) {
    const last = at + segmentSize! >= event.length;
    const kept = names.filter(last ? () => true : without(...LAST)).filter(at === 0 ? () => true : without(...FIRST));
    const length = Math.min(segmentSize!, event.length - at);
    yield { ...whole, seq: (event.seq + at) >>> 0, length, flags: kept.join(",") };
  }
}

const LAST = [flagNames(FIN), flagNames(PSH)];
const FIRST = [flagNames(CWR)];

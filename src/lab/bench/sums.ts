/** Sums over streams, for one direction. */
import type { StreamInterval, StreamTotal } from "./figures.ts";
import type { RemoteResults } from "./results.ts";
import type { TestRun } from "./run.ts";

/** A number of octets, and the bits per second that result. */
export interface Volume {
  readonly bytes: number;
  readonly seconds: number;
  readonly bitsPerSecond: number;
}

/** A direction of a test, at its end: what was sent, and what arrived. */
export interface DirectionSum {
  /** We send. */
  readonly isSender: boolean;
  readonly streams: readonly StreamEnds[];
  readonly sent: Volume | null;
  readonly received: Volume | null;
  /** null: unknown. */
  readonly retransmits: number | null;
}

/** The counts of both ends of a stream; null: the other side has not sent its counts. */
export interface StreamEnds {
  readonly own: StreamTotal;
  readonly sent: Volume | null;
  readonly received: Volume | null;
  readonly retransmits: number | null;
}

export function volume(bytes: number, seconds: number): Volume {
  return { bytes, seconds, bitsPerSecond: seconds > 0 ? (bytes * 8) / seconds : 0 };
}

export function intervalSum(streams: readonly StreamInterval[]): {
  readonly volume: Volume;
  readonly retransmits: number;
  readonly transactions: number;
} {
  const sum = (of: (each: StreamInterval) => number) => streams.reduce((n, each) => n + of(each), 0);
  const [first] = streams;
  return {
    volume: volume(
      sum(({ bytes }) => bytes),
      first === undefined ? 0 : first.end - first.start,
    ),
    retransmits: sum(({ tcp }) => tcp?.retransmits ?? 0),
    transactions: sum(({ transactions }) => transactions),
  };
}

/** The directions of a test, that in which we send first. */
export function directionSums(run: TestRun, remote: RemoteResults | null): DirectionSum[] {
  return [run.senders(), run.receivers()]
    .filter((totals) => totals.length > 0)
    .map((totals) => directionSum(totals, remote));
}

function directionSum(totals: readonly StreamTotal[], remote: RemoteResults | null): DirectionSum {
  const isSender = totals[0]!.stream.isSender;
  const streams = totals.map((own): StreamEnds => {
    const ours = volume(own.bytes, own.seconds);
    const other = remote?.streams.get(own.stream.id);
    const theirs = other === undefined ? null : volume(other.bytes, other.seconds > 0 ? other.seconds : own.seconds);
    const resent = isSender ? own.retransmits : other === undefined || other.retransmits < 0 ? null : other.retransmits;
    return { own, sent: isSender ? ours : theirs, received: isSender ? theirs : ours, retransmits: resent };
  });
  return {
    isSender,
    streams,
    sent: sumOf(streams.map(({ sent }) => sent)),
    received: sumOf(streams.map(({ received }) => received)),
    retransmits: streams.every(({ retransmits }) => retransmits !== null)
      ? streams.reduce((n, { retransmits }) => n + retransmits!, 0)
      : null,
  };
}

function sumOf(volumes: readonly (Volume | null)[]): Volume | null {
  const known = volumes.filter((each) => each !== null);
  if (known.length < volumes.length) return null;
  const seconds = Math.max(...known.map((each) => each.seconds));
  return volume(
    known.reduce((n, { bytes }) => n + bytes, 0),
    seconds,
  );
}

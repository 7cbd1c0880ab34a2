/** What is different about the second of two runs, in words. */
import { KINDS, type Kind } from "../verdict/limits.ts";
import { count, duration, rate, size } from "../verdict/text.ts";
import type { Figures } from "../verdict/verdict.ts";

/** Parts of the time that differ by less of the whole are left out. */
const SMALL = 0.03;

const DOING: Readonly<Record<Kind, string>> = {
  handshake: "in the handshake",
  "slow-start": "in slow start",
  congestion: "limited by the congestion window",
  recovery: "in loss recovery",
  timeout: "waiting for retransmission timeouts",
  "receive-window": "limited by the receiver's window",
  "send-buffer": "limited by the send buffer",
  application: "waiting for the sending application",
  "small-segment": "holding back small segments",
  pacing: "waiting for the pace",
  tail: "waiting for the last ACKs",
};

export function sentences(a: Figures, b: Figures): string[] {
  return [...outcome(a, b), ...whereTimeWent(a, b), ...losses(a, b), ...queueing(a, b)];
}

const tookOf = (f: Figures) => f.end - f.start;

function outcome(a: Figures, b: Figures): string[] {
  const [x, y] = [tookOf(a), tookOf(b)];
  if (a.octets !== b.octets || x <= 0 || y <= 0) {
    const transfer = (f: Figures) => `${size(f.octets)} in ${duration(tookOf(f))}`;
    return [`${transfer(b)} instead of ${transfer(a)}.`];
  }
  const same = `The same ${size(a.octets)} took`;
  if (duration(x) === duration(y)) return [`${same} as long as before: ${duration(x)}.`];
  const by = `${duration(Math.abs(y - x))} ${y > x ? "longer" : "less"}`;
  return [`${same} ${duration(y)} instead of ${duration(x)}: ${by}, ${rate((b.octets * 8e6) / y)} now.`];
}

/** The kinds of limits with more or less time than before, the largest difference first. */
function whereTimeWent(a: Figures, b: Figures): string[] {
  if (a.shares === null || b.shares === null) return [];
  const whole = Math.max(tookOf(a), tookOf(b));
  const parts = KINDS.map((kind) => ({ kind, by: b.shares![kind] - a.shares![kind] }))
    .filter(({ by }) => Math.abs(by) >= SMALL * whole)
    .sort((x, y) => Math.abs(y.by) - Math.abs(x.by));
  if (parts.length === 0) return ["What limited the sender is the same as before."];
  const partsWith = (more: boolean) => {
    const words = parts
      .filter(({ by }) => by > 0 === more)
      .map(({ kind, by }) => `${duration(Math.abs(by))} ${more ? "more" : "less"} ${DOING[kind]}`);
    return words.length === 0 ? [] : [words.join(", ")];
  };
  const text = [...partsWith(true), ...partsWith(false)].join("; ");
  return [`${text.charAt(0).toUpperCase()}${text.slice(1)}.`];
}

function losses(a: Figures, b: Figures): string[] {
  const spurious = (f: Figures) => f.late + f.had;
  const pairs: (readonly [number, number, string])[] = [
    [a.resent, b.resent, "retransmission"],
    [spurious(a), spurious(b), "spurious one"],
    [a.timeouts, b.timeouts, "timeout"],
  ];
  const parts = pairs
    .filter(([x, y]) => x !== y)
    .map(([x, y, noun]) => `${count(y, noun)} instead of ${x === 0 ? "none" : x}`);
  if (parts.length === 0) return b.resent === 0 ? [] : [`${count(b.resent, "retransmission")}, as before.`];
  const text = parts.join(", ");
  return [`${text.charAt(0).toUpperCase()}${text.slice(1)}.`];
}

/** What the queue of the path adds to the smallest round trip. */
function queueing(a: Figures, b: Figures): string[] {
  if (a.minRtt === 0 || b.minRtt === 0) return [];
  const [x, y] = [a.maxRtt - a.minRtt, b.maxRtt - b.minRtt];
  // A millisecond is no queue, and a change of a fifth is none.
  if (Math.max(x, y) < 1_000 || Math.abs(y - x) < 0.2 * Math.max(x, y)) return [];
  return [`Queues on the path add up to ${duration(y)} to the round trip instead of ${duration(x)}.`];
}

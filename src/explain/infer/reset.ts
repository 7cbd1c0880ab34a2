/** Why an end sent a reset, as far as a capture shows it. */
import { ACK } from "#report/model/run";
import { duration } from "#report/verdict/text";
import type { Segment } from "../capture/segment.ts";
import type { Flow } from "./flow.ts";

export interface Reset {
  readonly from: 0 | 1;
  readonly time: number;
  readonly kind: "refused" | "forged" | "half-open" | "after-close" | "unread" | "abort" | "harmless";
  readonly text: string;
}

/** An end that was silent for so long may have forgotten the connection, µs. */
const IDLE = 10_000_000;
/** Resets that answer data come at once: within a round trip to that end and a little more, µs. */
const AT_ONCE = 5_000;

export function resetOf(flow: Flow, s: Segment, end: number, time: number, _row: number): Reset {
  const from = end as 0 | 1;
  const me = flow.ends[from];
  const other = flow.ends[from === 0 ? 1 : 0];
  const name = flow.names[from];
  const toMe = flow.halves[from === 0 ? 1 : 0];
  const mine = flow.halves[from];
  const made = (kind: Reset["kind"], text: string): Reset => ({ from, time, kind, text });
  if (me.ttl >= 0 && Math.abs(me.ttl - s.ttl) > 1)
    return made(
      "forged",
      `A device on the path probably forged the reset in the name of ${name}: its TTL is ${s.ttl}, other packets ` +
        `of ${name} have ${me.ttl}. Look for a firewall or a filter that ends connections.`,
    );
  const { now } = flow.states;
  if (now[1 - from] === "SYN-SENT" && me.syns === 0)
    return made(
      "refused",
      `${name} refused the connection: nothing listens on that port, or a firewall rejects it. Check that the ` +
        "service runs and listens on that address.",
    );
  const idle = time - Math.max(me.lastAt, flow.first);
  const noAck = (s.flags & ACK) === 0;
  if (noAck && (me.packets === 0 || idle > IDLE))
    return made(
      "half-open",
      `${name} did not know this ` +
        `connection${me.packets === 0 ? "" : ` any more after ${duration(idle)} of silence`}: it restarted, or a ` +
        "timeout on the path removed the state (half-open). Keep-alives shorter than that timeout avoid it.",
    );
  const isDone = toMe.una >= toMe.max && mine.una >= mine.max;
  const closed = mine.fin >= 0;
  const hadData = time - other.lastAt <= mine.trip + AT_ONCE && toMe.octets > 0;
  if (closed && !isDone)
    return made(
      "after-close",
      `Data came to ${name} after its program had closed the connection, so it reset it. The sender should stop ` +
        "before the receiver closes.",
    );
  if (closed && isDone && toMe.fin >= 0)
    return made("harmless", `${name} ended the closed connection with a reset; all data had been acknowledged.`);
  if (toMe.max > toMe.una || (hadData && !closed && toMe.segments > 0 && mine.una >= mine.max && other.isClosed))
    return made(
      "unread",
      `The program at ${name} closed the connection, or ended, before it had read what came: unread data makes a close a reset.`,
    );
  return made(
    "abort",
    `The program at ${name} ended the connection with a reset: it aborted (SO_LINGER with 0 s), or it ended with data unread.`,
  );
}

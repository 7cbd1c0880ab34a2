/** What a flow of a transfer came to. */
import { SECOND } from "#base/time";
import type { FlowEnd } from "./flow.ts";

/** One direction of one connection. */
export interface FlowResult {
  readonly flow: number;
  readonly direction: "there" | "back";
  readonly congestionControl: string;
  readonly bytes: number;
  /** Octets to send; null: as many as the time allows. */
  readonly asked: number | null;
  /** Virtual seconds from OPEN until all data and the FIN were read; null: not completed. */
  readonly completion: number | null;
  /** The application's throughput in bits per second, from OPEN, or the end of `omit`, to the last octet (or the end of the time); 0 if no time passed. */
  readonly goodput: number;
  readonly retransmissions: number;
  readonly timeouts: number;
  /** µs; 0: no sample. */
  readonly rtt: number;
  readonly minRtt: number;
  readonly cwnd: number;
  readonly cwndMax: number;
  readonly mss: number;
  readonly error: string;
  /** Why the congestion control was replaced by NewReno: a controller of the user that failed. */
  readonly controlError?: string;
}

/** The time that counts, virtual µs. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export function flowResult(
  flow: number,
  direction: "there" | "back",
  from: FlowEnd,
  to: FlowEnd,
  span: Span,
): FlowResult {
  const { info } = from;
  const completed = to.completedAt >= 0;
  const last = completed ? to.lastReceivedAt : span.to;
  const seconds = (last - span.from) / SECOND;
  return {
    flow,
    direction,
    congestionControl: info?.congestionControl ?? "",
    bytes: to.received,
    asked: Number.isFinite(from.plan.bytes) ? from.plan.bytes : null,
    completion: completed ? to.completedAt / SECOND : null,
    goodput: seconds > 0 ? ((to.received - to.omitted) * 8) / seconds : 0,
    retransmissions: info?.retransTotal ?? 0,
    timeouts: info?.timeouts ?? 0,
    rtt: info?.rtt ?? 0,
    minRtt: info?.minRtt ?? 0,
    cwnd: info?.cwnd ?? 0,
    cwndMax: from.cwndMax,
    mss: info?.mss ?? 0,
    error: from.error,
    ...(info?.controlError ? { controlError: info.controlError } : {}),
  };
}

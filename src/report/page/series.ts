/** The numbers of the charts, taken from the tables. Times are seconds. */
import { arrivalOf, type Way } from "../model/direction.ts";
import { rowsBy } from "../model/rows-by.ts";
import { ON_LINK, type Run } from "../model/run.ts";

type Columns = (Float64Array | (number | null)[])[];

/** Of an infinite ssthresh (RFC 5681 §3.1) nothing is drawn. */
const ENDLESS = 0x7fff0000;

/**
 * cwnd, ssthresh, in flight, the peer's window, and if sending is paced what the pace allows per round trip (SRTT), so that it stands on
 * the axis of the windows. The peer's window and the pace are left out where they are far above the rest.
 */
export function windowSeries(run: Run, owner: number): Columns {
  const { metrics } = run;
  const rows = rowsBy(metrics.owner, owner);
  let top = 0;
  for (const i of rows) top = Math.max(top, metrics.cwnd[i]!, metrics.inFlight[i]!);
  const pick = (column: Float64Array, most: number) => Array.from(rows, (i) => (column[i]! > most ? null : column[i]!));
  return [
    Float64Array.from(rows, (i) => metrics.time[i]! / 1e6),
    // Of a capture it is not known.
    Array.from(rows, (i) => metrics.cwnd[i]! || null),
    pick(metrics.ssthresh, Math.min(ENDLESS, top * 3)),
    Float64Array.from(rows, (i) => metrics.inFlight[i]!),
    pick(metrics.window, top * 3),
    ...pacedPerTrip(run, owner, rows, top * 3),
  ];
}

/** What the pace allows per round trip at each row: one column, or none if sending is not paced. */
function pacedPerTrip({ metrics, trips }: Run, owner: number, rows: Uint32Array, most: number): (number | null)[][] {
  if (!rows.some((i) => metrics.pacing[i]! > 0)) return [];
  const trip = rowsBy(trips.owner, owner);
  let k = -1;
  const allowed = Array.from(rows, (i) => {
    while (k + 1 < trip.length && trips.time[trip[k + 1]!]! <= metrics.time[i]!) k++;
    const octets = k < 0 ? 0 : (metrics.pacing[i]! * trips.srtt[trip[k]!]!) / 1e6;
    return octets > 0 && octets <= most ? octets : null;
  });
  return [allowed];
}

/** Samples, SRTT, RTO in ms. */
export function tripSeries({ trips }: Run, owner: number): Columns {
  const rows = rowsBy(trips.owner, owner);
  const column = (of: Float64Array) => Float64Array.from(rows, (i) => of[i]! / 1000);
  return [
    Float64Array.from(rows, (i) => trips.time[i]! / 1e6),
    column(trips.sample),
    column(trips.srtt),
    column(trips.rto),
  ];
}

/** Bins of the goodput's chart. */
const BINS = 200;

/** What arrived for the first time, all that was sent, and if sending is paced the pace, in bits per second. */
export function rateSeries(run: Run, way: Way, first: number, last: number): Columns {
  const width = (last - first) / BINS || 1;
  const good = new Float64Array(BINS);
  const sent = new Float64Array(BINS);
  const bin = (us: number) => Math.min(BINS - 1, Math.max(0, Math.floor((us / 1e6 - first) / width)));
  const seen = new Set<number>();
  for (let k = 0; k < way.sent.length; k++) {
    const row = way.sent[k]!;
    const length = run.packets.length[row]!;
    if (length === 0) continue;
    sent[bin(run.packets.time[row]!)]! += length;
    const arrival = arrivalOf(run, row);
    if (!Number.isFinite(arrival) || seen.has(way.left[k]!)) continue;
    seen.add(way.left[k]!);
    good[bin(arrival)]! += length;
  }
  const perSecond = (of: Float64Array) => of.map((octets) => (octets * 8) / width);
  const times = Float64Array.from({ length: BINS }, (_, i) => first + i * width);
  return [times, perSecond(good), perSecond(sent), ...pace(run, 2 * way.connection + way.from, times, width)];
}

/** The pace at the end of each bin: one column, or none if sending is not paced. */
function pace({ metrics }: Run, owner: number, times: Float64Array, width: number): (number | null)[][] {
  const rows = rowsBy(metrics.owner, owner);
  if (!rows.some((i) => metrics.pacing[i]! > 0)) return [];
  let k = -1;
  const paces = Array.from(times, (start) => {
    while (k + 1 < rows.length && metrics.time[rows[k + 1]!]! <= (start + width) * 1e6) k++;
    const octets = k < 0 ? 0 : metrics.pacing[rows[k]!]!;
    return octets > 0 ? octets * 8 : null;
  });
  return [paces];
}

/** Packets in front of the link's transmitter, at each packet of this direction; null if no link was recorded. */
export function queueSeries(run: Run, way: Way): Columns | null {
  const rows = way.sent.filter((row) => (run.packets.bits[row]! & ON_LINK) !== 0);
  if (rows.length === 0) return null;
  return [
    Float64Array.from(rows, (row) => run.packets.time[row]! / 1e6),
    Float64Array.from(rows, (row) => run.packets.queue[row]!),
  ];
}

/** Rows of a direction that a link dropped, in the order of time. */
export function droppedRows(run: Run, way: Way): Uint32Array {
  return way.sent.filter((row) => run.packets.dropped[row] !== 0);
}

/** When it happened to the packet, s: the drop, the arrival, or the sending. */
export function fateTime(run: Run, row: number): number {
  const { packets } = run;
  if (packets.dropped[row] !== 0) return (packets.time[row]! + packets.delivered[row]!) / 1e6;
  const arrival = arrivalOf(run, row);
  return (Number.isFinite(arrival) ? arrival : packets.time[row]!) / 1e6;
}

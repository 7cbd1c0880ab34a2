/** One segment as one line: direction, flags, relative sequence number with length, ACK, window, SACK, options of a SYN, and the reason. */
import type { PacketFields } from "./packet-fields.ts";
import { counted } from "./units.ts";

/** Columns of flags: the longest usual ones are "SYN ACK" and "PSH ACK". */
const FLAGS = 8;

/** In the order in which people say them. */
const ORDER = ["SYN", "FIN", "RST", "PSH", "URG", "ACK", "ECE", "CWR"] as const;

/**
 * `→ PSH ACK  seq 1+1448  ack 1  win 65536   new data`
 * @param arrow its direction. @param why the reason, and what is to be said besides; "": nothing
 */
export function segmentLine(arrow: string, segment: PacketFields, why: string): string {
  const { seq, length, ack, window, sack = [], segmentSize } = segment;
  const fields = [
    placeText(seq, length),
    ...(ack === undefined ? [] : [`ack ${ack}`]),
    `win ${window}`,
    ...(sack.length === 0 ? [] : [`sack ${sack.map(([left, right]) => `${left}-${right}`).join(" ")}`]),
    ...offers(segment),
    ...(segmentSize === undefined ? [] : [`in ${counted(Math.ceil(length / segmentSize), "segment")}`]),
  ];
  return `${arrow} ${flagText(segment.flags).padEnd(FLAGS)} ${fields.join("  ")}${why === "" ? "" : `   ${why}`}`;
}

/** "SYN ACK", "PSH ACK": the step first. */
export function flagText(flags: string): string {
  const names = flags.split(",");
  return ORDER.filter((name) => names.includes(name)).join(" ");
}

/** What a SYN offers. */
function offers({ isn, mss, windowScale, sackPermitted, tsval }: PacketFields): string[] {
  if (isn === undefined) return [];
  const words = [
    mss === undefined ? "" : `mss ${mss}`,
    sackPermitted === true ? "sackOK" : "",
    windowScale === undefined ? "" : `scale ${windowScale}`,
    tsval === undefined ? "" : "timestamps",
  ].filter((word) => word !== "");
  return words.length === 0 ? [] : [words.join(" ")];
}

/** What names a packet: `seq 1449+1448`, `ack 2897`, `SYN seq 0`. */
export function segmentName({ flags, seq, length, ack }: PacketFields): string {
  const step = flags
    .split(",")
    .filter((name) => name === "SYN" || name === "FIN" || name === "RST")
    .join(" ");
  if (length === 0 && step === "" && ack !== undefined) return `ack ${ack}`;
  return `${step} ${placeText(seq, length)}`.trim();
}

/** Where a segment is in the stream: "seq 1+1448". */
export function placeText(seq: number, length: number): string {
  return length > 0 ? `seq ${seq}+${length}` : `seq ${seq}`;
}

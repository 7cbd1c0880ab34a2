import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from "./tcp.ts";

/** The names of RFC 9293 §3.1, in the order in which people say them: "SYN,ACK". */
const NAMES: readonly (readonly [number, string])[] = [
  [SYN, "SYN"],
  [FIN, "FIN"],
  [RST, "RST"],
  [ACK, "ACK"],
  [PSH, "PSH"],
  [URG, "URG"],
  [ECE, "ECE"],
  [CWR, "CWR"],
];

/** The flags that are set, by name. @param between the separator of names. */
export function flagNames(flags: number, between = ","): string {
  return NAMES.filter(([bit]) => (flags & bit) !== 0)
    .map(([, name]) => name)
    .join(between);
}

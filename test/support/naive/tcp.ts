/** TCP segments as plain arrays of octets, written down and read as RFC 9293 §3.1 draws them: the slow twin of `wire/tcp`. */
import { address, naivePseudo, octets16, octets32, withChecksum } from "./ip.ts";

/** Flags by letter, as packetdrill writes them; `.` is ACK. */
const LETTERS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, ".": 16, U: 32, E: 64, W: 128 };

export interface NaiveTcp {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  flags: string;
  seq: number;
  ack: number;
  window: number;
  urgent: number;
  /** Octets of the options, padded here to a multiple of four with zeros. */
  options: readonly number[];
  payload: ArrayLike<number>;
}

export function naiveTcp(x: NaiveTcp): number[] {
  const options = [...x.options];
  while (options.length % 4 !== 0) options.push(0);
  let flags = 0;
  for (const letter of x.flags) flags |= LETTERS[letter] ?? 0;
  const octets = [
    ...octets16(x.sourcePort),
    ...octets16(x.destinationPort),
    ...octets32(x.seq),
    ...octets32(x.ack),
    (5 + options.length / 4) << 4,
    flags,
    ...octets16(x.window),
    0,
    0,
    ...octets16(x.urgent),
    ...options,
    ...Array.from(x.payload),
  ];
  return withChecksum(octets, 16, naivePseudo(address(x.source), address(x.destination), 6, octets.length));
}

export function flagLetters(flags: number): string {
  let text = "";
  for (const letter of "SFRPUEW.") if (flags & LETTERS[letter]!) text += letter;
  return text;
}

/** Options as `[kind, value octets]`; throws where they are not well formed: ours must be. */
export function naiveOptions(octets: readonly number[]): [number, number[]][] {
  const out: [number, number[]][] = [];
  for (let i = 0; i < octets.length; ) {
    const kind = octets[i]!;
    if (kind === 0) {
      // MUST-69
      if (octets.slice(i).some((octet) => octet !== 0)) throw new Error("padding after the end of options is not zero");
      return out;
    }
    if (kind === 1) {
      i++;
      continue;
    }
    const length = octets[i + 1] ?? 0;
    if (length < 2 || i + length > octets.length) throw new Error(`option ${kind} has length ${length}`);
    out.push([kind, octets.slice(i + 2, i + length)]);
    i += length;
  }
  return out;
}

export const word = (octets: readonly number[], at: number): number =>
  ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;

export const half = (octets: readonly number[], at: number): number => octets[at]! * 256 + octets[at + 1]!;

// Options, as octets.
export const mss = (n: number): number[] => [2, 4, ...octets16(n)];
export const wscale = (shift: number): number[] => [3, 3, shift];
export const sackOk: number[] = [4, 2];
export const timestamps = (value: number, echo: number): number[] => [8, 10, ...octets32(value), ...octets32(echo)];
export const sackBlocks = (blocks: readonly (readonly [number, number])[]): number[] => [
  5,
  2 + 8 * blocks.length,
  ...blocks.flatMap(([left, right]) => [...octets32(left), ...octets32(right)]),
];
/** A Fast Open cookie, or none as a request; `experiment`: under kind 254 with its magic number. */
export const fastOpen = (cookie: readonly number[], experiment = false): number[] =>
  experiment ? [254, 4 + cookie.length, 0xf9, 0x89, ...cookie] : [34, 2 + cookie.length, ...cookie];

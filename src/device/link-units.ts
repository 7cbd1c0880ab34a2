/**
 * Parses and prints durations, rates, sizes and percentages as people type them. Used by the link language and by the command
 * line's flags, so that a number means the same everywhere.
 */

/** The longest time that the stack's timers support. */
const TIME_MAX_HOURS = 500;

const TIME_UNITS: Readonly<Record<string, number>> = {
  us: 1,
  usec: 1,
  usecs: 1,
  µs: 1,
  ms: 1_000,
  msec: 1_000,
  msecs: 1_000,
  s: 1_000_000,
  sec: 1_000_000,
  secs: 1_000_000,
  min: 60_000_000,
  h: 3_600_000_000,
};

const RATE_UNITS: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  tbit: 1e12,
  kibit: 2 ** 10,
  mibit: 2 ** 20,
  gibit: 2 ** 30,
};

const RATE_MAX = 1e12;

/** k, M, G and T are powers of 1000, Ki, Mi, Gi and Ti of 1024 (IEC 80000-13). tc differs: its kb is 1024 bytes. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Larger rates are treated as typing errors. */
const SIZE_MAX = 1e15;

/** A value; or what is wrong with the word and what to type instead ("": the caller has a better example). */
export type Read = { readonly value: number } | { readonly wrong: string; readonly say: string };

/** "20ms", "1.5s", "2min" in whole microseconds. Only 0 needs no unit. */
export function readTime(word: string): Read {
  if (word === "0") return { value: 0 };
  if (/^\d+(\.\d+)?$/.test(word)) return { wrong: "has no unit", say: `${word}ms or ${word}s` };
  const value = withUnit(word, TIME_UNITS);
  if (value === undefined) return { wrong: "is not a time", say: "20ms, 1.5s or 2min" };
  if (value > TIME_MAX_HOURS * TIME_UNITS.h!) return { wrong: "is too long", say: `${TIME_MAX_HOURS}h or less` };
  return { value: Math.round(value) };
}

/** "10mbit", "1.5gbit", "10Mbit/s": bits per second. */
export function readRate(word: string): Read {
  const unit = word.toLowerCase().replace(/\/s$/, "");
  if (/^[\d.]+[kmgt]?i?bps$/.test(unit)) {
    return { wrong: "means bytes in tc and bits elsewhere", say: "10mbit for ten million bits per second" };
  }
  if (/^\d*[1-9]\d*(\.\d+)?$/.test(unit)) return { wrong: "has no unit", say: `${unit}mbit or ${unit}kbit` };
  const value = unit === "0" ? 0 : withUnit(unit, RATE_UNITS);
  if (value === undefined) return { wrong: "is not a rate", say: "10mbit, 250kbit or 1gbit" };
  if (value < 1)
    return { wrong: "is less than 1 bit per second", say: "1bit or more; use down for a link that is down" };
  if (value > RATE_MAX) return { wrong: "is too fast", say: "1tbit or less, or leave the rate out" };
  return { value };
}

/** "1%", "0.5%" or "1": a share, 0..1. */
export function readPercent(word: string): Read {
  const match = /^(\d{1,9}(?:\.\d{1,12})?)%?$/.exec(word);
  // Read as 0.7e-2, not divided: 0.7 / 100 is not 0.007.
  const value = match === null ? Number.NaN : Number(`${match[1]}e-2`);
  if (!(value <= 1)) return { wrong: "is not a percentage from 0% to 100%", say: "" };
  return { value };
}

/** A whole number of at least `least`. */
export function readCount(word: string, least: number): Read {
  const value = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= least)) return { wrong: `is not a whole number of at least ${least}`, say: "" };
  return { value };
}

/**
 * "1500", "64k", "64kB", "64KiB", in either case: bytes. A lone capital K is 1,024, as in head, dd and iperf3: the kilo of 1,000 is
 * written with a small k.
 */
export function readSize(word: string): Read {
  const exact = word.replace(/^([\d.]+)K$/, "$1ki").toLowerCase();
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?)([kmgt]i?)?b?$/.exec(exact) ?? [];
  if (number === undefined) return { wrong: "is not a size", say: "64k, 10M or 1500" };
  const value = Number(number) * (SIZE_UNITS[unit] ?? 1);
  if (value > SIZE_MAX) return { wrong: "is too large", say: "1000T or less" };
  return { value: Math.round(value) };
}

/** The error as one text: `"20" has no unit: use 20ms or 20s`. */
export function wrongText(word: string, { wrong, say }: { readonly wrong: string; readonly say: string }): string {
  return `"${word}" ${wrong}${say === "" ? "" : `: use ${say}`}`;
}

export function isPercent(word: string | undefined): word is string {
  return word !== undefined && /^[\d.]+%?$/.test(word);
}

function withUnit(word: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,9})?)([a-zµ]+)$/.exec(word);
  const unit = match === null ? undefined : units[match[2]!];
  return unit === undefined ? undefined : Number(match![1]) * unit;
}

export function timeText(us: number): string {
  if (us === 0) return "0ms";
  if (us % 1_000_000 === 0) return `${us / 1_000_000}s`;
  return us % 10 === 0 ? `${us / 1_000}ms` : `${us}us`;
}

export function rateText(rate: number): string {
  if (rate >= 1e9 && rate % 1e6 === 0) return `${rate / 1e9}gbit`;
  if (rate >= 1e6 && rate % 1e3 === 0) return `${rate / 1e6}mbit`;
  return rate % 1e3 === 0 ? `${rate / 1e3}kbit` : `${rate}bit`;
}

export function percentText(share: number): string {
  return `${Number((share * 100).toFixed(10))}%`;
}

/** 64,000 is "64kB", 65,536 "64KiB", other sizes are bytes, so that parsing the text gives the same number. */
export function sizeText(bytes: number): string {
  if (bytes > 0 && bytes % 1000 === 0) return `${bytes / 1000}kB`;
  return bytes > 0 && bytes % 1024 === 0 ? `${bytes / 1024}KiB` : `${bytes}B`;
}

/** The numbers of netem's language: what people type, as the units of a LinkProfile, and back. */

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

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  kb: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mb: 2 ** 20,
  mib: 2 ** 20,
};

/** A value, or in words what it should have been. */
export type Read = { readonly value: number } | { readonly wrong: string };

/** "20ms", "1.5s", "250us": whole microseconds. 0 needs no unit. */
export function readTime(word: string): Read {
  if (word === "0") return { value: 0 };
  const value = withUnit(word, TIME_UNITS);
  if (value === undefined) return { wrong: `"${word}" is not a time: say 20ms, 1.5s or 250us` };
  return { value: Math.round(value) };
}

/** "10mbit", "1.5gbit", "10Mbit/s": bits per second. */
export function readRate(word: string): Read {
  const unit = word.toLowerCase().replace(/\/s$/, "");
  if (/^[\d.]+[kmgt]?i?bps$/.test(unit)) {
    return { wrong: `"${word}" means bytes in tc and bits elsewhere: say 10mbit for ten million bits per second` };
  }
  const value = withUnit(unit, RATE_UNITS);
  if (value === undefined || value <= 0) return { wrong: `"${word}" is not a rate: say 10mbit, 250kbit or 1gbit` };
  return { value };
}

/** "1%", "0.5%" or "1": a share, 0..1. */
export function readPercent(word: string): Read {
  const match = /^(\d{1,9}(?:\.\d{1,12})?)%?$/.exec(word);
  // Read as 0.7e-2, not divided: 0.7 / 100 is not 0.007.
  const value = match === null ? Number.NaN : Number(`${match[1]}e-2`);
  if (!(value <= 1)) return { wrong: `"${word}" is not a percentage from 0% to 100%` };
  return { value };
}

/** A whole number of at least `least`. */
export function readCount(word: string, least: number): Read {
  const value = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= least)) return { wrong: `"${word}" is not a whole number of at least ${least}` };
  return { value };
}

/** "64kb", "1500b": bytes; tc's kb is 1,024. */
export function readSize(word: string): Read {
  const value = withUnit(word.toLowerCase(), SIZE_UNITS);
  if (value === undefined) return { wrong: `"${word}" is not a size: say 64kb or 1500b` };
  return { value: Math.round(value) };
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

export function sizeText(bytes: number): string {
  return bytes % 1024 === 0 && bytes > 0 ? `${bytes / 1024}kb` : `${bytes}b`;
}

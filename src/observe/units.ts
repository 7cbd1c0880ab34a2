/** Numbers for people. k, M and G are powers of 1000, Ki, Mi and Gi of 1024. */

/** 8,388,608 octets as "8.39 MB". */
export function bytesText(n: number): string {
  return scaled(n, 3, ["B", "kB", "MB", "GB", "TB"]);
}

/**
 * The same without rounding, in the unit that gives the shortest text: 10,000 is "10 kB", 8,388,608 "8 MiB", 1,234 "1234 B".
 * Used for sizes that somebody typed.
 */
export function exactBytesText(n: number): string {
  let best = `${n} B`;
  for (const [base, units] of EXACT) {
    for (let i = 0, value = n / base; i < units.length && value >= 1; i++, value /= base) {
      const text = `${value} ${units[i]}`;
      if (Number.isInteger(value * 1000) && text.length < best.length) best = text;
    }
  }
  return best;
}

const EXACT: readonly (readonly [number, readonly string[]])[] = [
  [1000, ["kB", "MB", "GB", "TB"]],
  [1024, ["KiB", "MiB", "GiB", "TiB"]],
];

/** Bits per second as "56.1 Mbit/s". */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, 3, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
}

/** Microseconds as "850 µs", "3.8 ms", "41 ms" or "2.5 s". */
export function timeText(us: number): string {
  return scaled(us, 2, ["µs", "ms", "s"]);
}

/** Microseconds since the start as "  0.041", for the beginning of a line. */
export function clockText(us: number): string {
  return (us / 1e6).toFixed(3).padStart(6);
}

/** 14200 as "14,200". */
export function numberText(n: number): string {
  return n.toLocaleString("en-US");
}

/** "1 packet", "2 packets". */
export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** A number with so many significant digits; all digits before the point, and no fraction in the smallest unit. */
function scaled(n: number, digits: number, units: readonly string[]): string {
  let value = n;
  let i = 0;
  while (i < units.length - 1 && Number(fixed(value, i, digits)) >= 1000) {
    value /= 1000;
    i++;
  }
  return `${fixed(value, i, digits)} ${units[i]}`;
}

function fixed(value: number, unit: number, digits: number): string {
  for (let decimals = unit === 0 ? 0 : digits - 1; decimals > 0; decimals--) {
    const text = value.toFixed(decimals);
    if (text.length <= digits + 1) return text;
  }
  return value.toFixed(0);
}

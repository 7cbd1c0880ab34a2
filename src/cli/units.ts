/** Numbers as people read them. JSON gets the plain ones. */

/** 1,234,567 octets as "1.2 MB": powers of 1000, as the rates are. */
export function bytesText(n: number): string {
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = n / 1000;
  let i = 0;
  while (value >= 999.95 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return `${value.toFixed(value < 9.995 ? 2 : 1)} ${units[i]}`;
}

/** Bits per second. */
export function rateText(bitsPerSecond: number): string {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
  let value = bitsPerSecond;
  let i = 0;
  while (value >= 999.5 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return `${value.toFixed(i === 0 ? 0 : value < 9.95 ? 2 : 1)} ${units[i]}`;
}

/** Microseconds as "0.21 ms", "41 ms" or "2.5 s". */
export function timeText(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  return us < 1e6 ? `${Math.round(us / 1000)} ms` : `${(us / 1e6).toFixed(us < 1e7 ? 1 : 0)} s`;
}

/** Microseconds since the start as "  0.041": what stands in front of a line. */
export function clockText(us: number): string {
  return (us / 1e6).toFixed(3).padStart(6);
}

/** "1 packet", "2 packets". */
export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** Numbers as people read them; programs get the plain ones. Powers of 1000, as the rates are. */

/** 1,234,567 octets as "1.2 MB". */
export function bytesText(n: number): string {
  return scaled(n, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** Bits per second. */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
}

/** Microseconds as "850 µs", "41 ms" or "2.5 s". */
export function timeText(us: number): string {
  return scaled(us, 1000, ["µs", "ms", "s"]);
}

/** "1 packet", "2 packets". */
export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** Three digits at the most before the unit, two or three that count. */
function scaled(n: number, base: number, units: readonly string[]): string {
  let value = n;
  let i = 0;
  while (value >= base - 0.5 && i < units.length - 1) {
    value /= base;
    i++;
  }
  return `${value.toFixed(i > 0 && value < 9.95 ? 1 : 0)} ${units[i]}`;
}

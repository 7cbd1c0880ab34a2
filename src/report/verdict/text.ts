/** Numbers as words, for the verdict and the page. */

/** "1.5 s", "240 ms", "12 µs". */
export function duration(us: number): string {
  if (us >= 59.95e6) return `${Math.floor(us / 60e6)} min ${Math.round((us % 60e6) / 1e6)} s`;
  if (us >= 0.9995e6) return `${short(us / 1e6)} s`;
  if (us >= 999.5) return `${short(us / 1e3)} ms`;
  return `${Math.round(us)} µs`;
}

/** "10.0 MB": decimal units, as the rates. */
export function size(octets: number): string {
  for (const [unit, name] of [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ] as const)
    if (octets >= unit * 0.9995) return `${short(octets / unit)} ${name}`;
  return octets === 1 ? "1 byte" : `${Math.round(octets)} bytes`;
}

/** "9.53 Mbit/s" */
export function rate(bitsPerSecond: number): string {
  for (const [unit, name] of [
    [1e9, "Gbit/s"],
    [1e6, "Mbit/s"],
    [1e3, "kbit/s"],
  ] as const)
    if (bitsPerSecond >= unit * 0.9995) return `${short(bitsPerSecond / unit)} ${name}`;
  return `${Math.round(bitsPerSecond)} bit/s`;
}

/** Three significant digits. */
function short(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

export function percent(share: number): string {
  if (share > 0 && share < 0.005) return "less than 1 %";
  return `${Math.round(share * 100)} %`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n === 0 ? "no" : n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

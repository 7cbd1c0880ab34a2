/** Numbers in iperf3's format: octets in powers of 1024 ("1.10 GBytes"), bits per second in powers of 1000 ("9.42 Gbits/sec"). */

const SIZES = ["Bytes", "KBytes", "MBytes", "GBytes", "TBytes"] as const;
const RATES = ["bits/sec", "Kbits/sec", "Mbits/sec", "Gbits/sec", "Tbits/sec"] as const;

export function sizeText(octets: number): string {
  return scaled(octets, 1024, SIZES);
}

export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, 1000, RATES);
}

/** µs as "18us", "1.32ms", "2.50s". */
export function latencyText(us: number): string {
  if (us < 999.5) return us < 9.95 ? `${us.toFixed(1)}us` : `${Math.round(us)}us`;
  return us < 999_500 ? `${threeDigits(us / 1000)}ms` : `${threeDigits(us / 1e6)}s`;
}

function scaled(n: number, base: number, units: readonly string[]): string {
  let value = n;
  let i = 0;
  while (i < units.length - 1 && value >= base) {
    value /= base;
    i++;
  }
  return `${threeDigits(value)} ${units[i]}`;
}

/** Formats like iperf3's unit_snprintf: two decimals below 10, one below 100. */
function threeDigits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

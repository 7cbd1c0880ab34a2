/** Numbers on axes and in the table. */
import { size } from "../verdict/text.ts";

/** Seconds with as many digits as a span of this width needs. */
export function seconds(value: number, width: number): string {
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(width / 20))));
  return value.toFixed(digits);
}

export const octets = (value: number) => (value === 0 ? "0" : size(Math.abs(value)));

export const milliseconds = (value: number) =>
  value >= 1000 ? `${(value / 1000).toFixed(2)} s` : value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(2)} ms`;

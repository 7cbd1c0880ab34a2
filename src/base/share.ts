/**
 * How much of a pool one holder may have while `used` of `limit` is taken. Up to half of the pool there is no pressure: the holder's own
 * limits apply. From there on it is a sixteenth of the pool, and half of that with each further thirty-second of the pool that is taken. So
 * the thousandth greedy holder still leaves something to the next one, where equal parts of what is free would be gone after a few hundred.
 * @param least what a holder may have in any case
 */
export function share(used: number, limit: number, least: number): number {
  const over = used - (limit >> 1);
  if (over <= 0) return limit;
  const step = Math.max(1, limit >> 5);
  const halved = (limit >> 4) >> Math.floor(over / step);
  return Math.max(least, halved - Math.floor((halved * (over % step)) / (2 * step)));
}

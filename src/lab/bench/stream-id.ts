/** Iperf3 numbers the streams of a test 1, 3, 4, 5 …, in the order in which they are opened. */
export function streamId(i: number): number {
  return i === 0 ? 1 : i + 2;
}

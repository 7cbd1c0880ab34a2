/** Stretches [left, right) of a line, sorted and disjoint: the slow and obvious kind. */
export type Stretch = [number, number];

export function addStretch(stretches: Stretch[], left: number, right: number): void {
  stretches.push([left, right]);
  stretches.sort((a, b) => a[0] - b[0]);
  let last = 0;
  for (let i = 1; i < stretches.length; i++) {
    const [l, r] = stretches[i]!;
    if (l <= stretches[last]![1]) stretches[last]![1] = Math.max(stretches[last]![1], r);
    else stretches[++last] = [l, r];
  }
  stretches.length = last + 1;
}

/** Whether all of [left, right) is there. */
export function hasStretch(stretches: readonly Stretch[], left: number, right: number): boolean {
  return stretches.some(([l, r]) => l <= left && r >= right);
}

/** Where the stretch that holds 0 ends. */
export function prefixEnd(stretches: readonly Stretch[]): number {
  return stretches.find(([l, r]) => l <= 0 && r > 0)?.[1] ?? 0;
}

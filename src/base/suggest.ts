/** The fewest letters of a beginning that means the word. */
const BEGINNING = 3;

/** The known word nearest to the typed one, or the only one that begins with it; undefined if there is none. */
export function suggest(typed: string, known: readonly string[]): string | undefined {
  const begun = typed.length < BEGINNING ? [] : known.filter((word) => word.startsWith(typed));
  if (begun.length === 1) return begun[0];
  let best: string | undefined;
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const word of known) {
    const far = distance(typed, word);
    if (far < least) {
      least = far;
      best = word;
    }
  }
  return best;
}

/** The edit distance: insertions, deletions, replacements and swaps of neighbouring letters. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** Parses `NAME value, NAME value`: compact, because one line per constant would fill ten pages. */
export function table(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name, value] = pair.trim().split(/\s+/);
      return [name!, Number(value)];
    }),
  );
}

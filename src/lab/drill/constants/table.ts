/** `NAME value, NAME value`: one line per constant would be ten pages. */
export function table(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name, value] = pair.trim().split(/\s+/);
      return [name!, Number(value)];
    }),
  );
}

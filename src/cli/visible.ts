/** What was typed, or stands in a file, may hold anything, also what moves a terminal's cursor: it is shown, not done. */
export function visible(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

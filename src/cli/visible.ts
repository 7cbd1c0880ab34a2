/** Makes control characters visible: typed text and file contents may contain terminal control sequences. */
export function visible(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** What a program of a script says: text, and an exit status. */
export interface Answer {
  readonly text: string;
  readonly status: number;
}

/** What a whole command of a script came to. */
export interface Ran extends Answer {
  /** A pipeline failed: its last program, and the text that this program was given. */
  readonly refused?: { readonly program: string; readonly input: string } | undefined;
}

export const OK: Answer = { text: "", status: 0 };
export const NO: Answer = { text: "", status: 1 };

export function said(lines: readonly string[], status = 0): Answer {
  return { text: lines.map((line) => `${line}\n`).join(""), status };
}

/** The lines of a text; what stands behind the last end of line is one, too. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

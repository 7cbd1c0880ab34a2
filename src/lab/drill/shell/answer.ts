/** The result of a program: its output, and an exit status. */
export interface Answer {
  readonly text: string;
  readonly status: number;
}

/** The result of a whole command. */
export interface Ran extends Answer {
  /** If a pipeline failed: its last program, and that program's input. */
  readonly refused?: { readonly program: string; readonly input: string } | undefined;
}

export const OK: Answer = { text: "", status: 0 };
export const NO: Answer = { text: "", status: 1 };

export function said(lines: readonly string[], status = 0): Answer {
  return { text: lines.map((line) => `${line}\n`).join(""), status };
}

/** The lines of a text; text after the last newline is a line, too. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

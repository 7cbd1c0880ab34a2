/** A syntax error in a link description or a trace file. The message says what was expected. */
export class LinkSyntaxError extends Error {
  override readonly name = "LinkSyntaxError";
  readonly code = "LINK_SYNTAX";
  /** The text with the error. */
  readonly text: string;
  /** The column of the error, counted from 1. */
  readonly column: number;

  constructor(message: string, text: string, column: number) {
    super(message);
    this.text = text;
    this.column = column;
  }

  /** The text with a caret under the column, for a terminal. */
  pointed(): string {
    return `${this.text}\n${" ".repeat(this.column - 1)}^`;
  }
}

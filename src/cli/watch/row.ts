/** A row of the dashboard: pieces of text with their looks, cut to a width that colours do not count in. */

/** How a piece looks. No meaning is carried by it alone. */
export type Look = "plain" | "dim" | "bold" | "green" | "yellow" | "cyan" | "red";

export type Piece = string | readonly [Look, string];

export const SGR: Readonly<Record<Look, readonly [number, number] | null>> = {
  plain: null,
  dim: [2, 22],
  bold: [1, 22],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  red: [31, 39],
};

/** The characters that pictures are drawn with. */
export interface Signs {
  readonly isUtf8: boolean;
  readonly across: string;
  readonly down: string;
  /** Corners, then the left and right ends of a line between panels. */
  readonly corners: readonly [string, string, string, string, string, string];
  /** From nothing to all. */
  readonly bars: string;
  /** Segments that are in flight, that arrived beyond a hole, that may be sent, and the rest of the peer's window. */
  readonly flight: string;
  readonly arrived: string;
  readonly open: string;
  readonly beyond: string;
  /** The parts of a bar, one after the other. */
  readonly parts: readonly [string, string, string];
  readonly hole: string;
}

export const UTF8: Signs = {
  isUtf8: true,
  across: "─",
  down: "│",
  corners: ["┌", "┐", "└", "┘", "├", "┤"],
  bars: "▁▂▃▄▅▆▇█",
  flight: "▓",
  arrived: "█",
  open: "░",
  beyond: "·",
  parts: ["█", "▒", "░"],
  hole: "○",
};

export const ASCII: Signs = {
  isUtf8: false,
  across: "-",
  down: "|",
  corners: ["+", "+", "+", "+", "+", "+"],
  bars: "_.,-=+*#",
  flight: "=",
  arrived: "#",
  open: ".",
  beyond: " ",
  parts: ["#", "=", "."],
  hole: "o",
};

/** Cuts the pieces to `width` columns and fills up with blanks. */
export function row(pieces: readonly Piece[], width: number, colours: boolean): string {
  let text = "";
  let room = width;
  for (const piece of pieces) {
    if (room === 0) break;
    const [look, whole] = typeof piece === "string" ? (["plain", piece] as const) : piece;
    const part = cut(whole, room);
    room -= Bun.stringWidth(part);
    const codes = SGR[look];
    text += colours && codes !== null && part !== "" ? `\x1b[${codes[0]}m${part}\x1b[${codes[1]}m` : part;
  }
  return text + " ".repeat(room);
}

/** As much of the text as fits. Control characters, which could do anything to a terminal, become question marks. */
export function cut(text: string, width: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  const clean = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?");
  if (Bun.stringWidth(clean) <= width) return clean;
  let fits = "";
  let room = width;
  for (const character of clean) {
    room -= Bun.stringWidth(character);
    if (room < 0) break;
    fits += character;
  }
  return fits;
}

/** A value for each column, from 0 to the largest. The newest is at the right. */
export function sparkline(values: readonly number[], width: number, signs: Signs): string {
  const shown = values.slice(-width);
  const most = Math.max(...shown, 0);
  if (most === 0) return signs.bars[0]!.repeat(shown.length).padStart(width);
  const steps = signs.bars.length - 1;
  const bar = (value: number) => signs.bars[Math.round((Math.max(value, 0) / most) * steps)]!;
  return shown.map(bar).join("").padStart(width);
}

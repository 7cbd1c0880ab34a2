/** Adapts text to a terminal: wraps it to its width, and replaces characters that it cannot show. */
import { programName } from "./program.ts";

/** ASCII replacements of our signs, if the character set is not UTF-8. */
const ASCII: Readonly<Record<string, string>> = {
  "→": "->",
  "←": "<-",
  "⇄": "<->",
  "·": "--",
  "│": "|",
  "─": "-",
  "┄": ".",
  "✓": "ok",
  "✗": "!!",
  "…": "...",
  µ: "u",
  "§": "section ",
};
const SIGNS = new RegExp(`[${Object.keys(ASCII).join("")}]`, "g");

/** Whether the locale uses UTF-8. Without a locale it is "C" (POSIX), which is ASCII. */
export function isUtf8(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = environment;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "C");
}

/** Adapts several lines. @param columns of the terminal; `Infinity` for a file or a pipe */
export function legible(text: string, columns: number, utf8: boolean): string {
  const known = utf8 ? text : text.replaceAll(SIGNS, (sign) => ASCII[sign]!);
  if (columns === Number.POSITIVE_INFINITY) return known;
  return known
    .split("\n")
    .flatMap((line) => fitted(line, columns))
    .join("\n");
}

/** Commands to copy: these stay on one line. */
const TOOLS = "ip|nft|ip6?tables\\S*|sysctl|ufw|firewall-cmd|wireshark|docker|ping|nc|curl|modprobe";
const COMMAND = new RegExp(
  `(?:sudo +)?(?:${RegExp.escape(programName)}|\\btcpnet) [a-z].*?(?=;|\\)| {3}|$)|^ *(?:sudo +)?(?:${TOOLS}) .*$|\\b(?:wireshark|sudo) .*$`,
);

/**
 * Wraps a line that is too wide: between its columns or, within one, at blanks; it continues below its text
 * (below the second column if the first is a label or a time). A word or command that is wider alone is not broken.
 */
export function fitted(line: string, columns: number): string[] {
  if (Bun.stringWidth(line) <= columns) return [line];
  const below = " ".repeat(hang(line, columns));
  const lines: string[] = [];
  let current = "";
  const room = (text: string) => Bun.stringWidth(current + text) <= columns;
  const next = (word: string) => {
    lines.push(current);
    current = below + word;
  };
  for (const column of columnsIn(line)) {
    const whole = column.map(({ gap, word }) => gap + word).join("");
    if (room(whole)) {
      current += whole;
      continue;
    }
    column.forEach(({ gap, word }, i) => {
      const fits = i > 0 && room(gap + word);
      // Too wide both after a label and on its own line.
      const isLost = /^ *\S+$/.test(current) && below.length + Bun.stringWidth(word) > columns;
      if (current === "" || fits || isLost) current += gap + word;
      else next(word);
    });
  }
  return [...lines, current];
}

/** Columns are separated by at least this many blanks. */
const COLUMN_GAP = 3;

/** The columns of a line; a label belongs to the column after it. */
function columnsIn(line: string): Piece[][] {
  const found: Piece[][] = [];
  for (const piece of pieces(line)) {
    const isLabelled = found.length === 1 && found[0]!.length === 1 && labelOf(line) !== "";
    if (found.length === 0 || (piece.gap.length >= COLUMN_GAP && !isLabelled)) found.push([piece]);
    else found.at(-1)!.push(piece);
  }
  return found;
}

/** The longest first column that is a label or a time, blanks included. */
const LABEL_MAX = 14;

/** The label or time at the beginning of the line, with the blanks around it; "" if there is none. */
function labelOf(line: string): string {
  const [label = ""] = /^ *\S+ {2,}/.exec(Bun.stripANSI(line)) ?? [];
  return label.length > LABEL_MAX ? "" : label;
}

/** The indentation of the lines after the first one. */
function hang(line: string, columns: number): number {
  const label = labelOf(line);
  const indent = /^ */.exec(Bun.stripANSI(line))![0].length + 2;
  if (label === "") return Math.min(indent, columns >> 1);
  return Math.min(/\d/.test(label) ? label.length + 2 : label.length, columns >> 1);
}

interface Piece {
  readonly gap: string;
  readonly word: string;
}

/** Words with the blanks before them; a command is one word. */
function pieces(line: string): Piece[] {
  const command = COMMAND.exec(line);
  const words = (text: string): Piece[] =>
    [...text.matchAll(/( *)(\S+)/g)].map((match) => ({ gap: match[1]!, word: match[2]! }));
  if (command === null) return words(line);
  const before = line.slice(0, command.index);
  const gap = / *$/.exec(before)![0] + /^ */.exec(command[0])![0];
  return [
    ...words(before.trimEnd()),
    { gap, word: command[0].trim() },
    ...words(line.slice(command.index + command[0].length)),
  ];
}

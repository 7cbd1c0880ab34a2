/** Text for people, as their terminal can show it: no wider than it is, and without characters that it does not have. */
import { programName } from "./program.ts";

/** What stands for our signs where the character set is not UTF-8. */
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

/** Whether the locale says UTF-8. Without a locale it is "C" (POSIX), which is ASCII. */
export function isUtf8(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = environment;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "C");
}

/** Several lines, each as it can be shown. @param columns of the terminal; `Infinity` for a file or a pipe. */
export function legible(text: string, columns: number, utf8: boolean): string {
  const known = utf8 ? text : text.replaceAll(SIGNS, (sign) => ASCII[sign]!);
  if (columns === Number.POSITIVE_INFINITY) return known;
  return known
    .split("\n")
    .flatMap((line) => fitted(line, columns))
    .join("\n");
}

/** What people copy: it stays on one line, however long it is. */
const TOOLS = "ip|nft|ip6?tables\\S*|sysctl|ufw|firewall-cmd|wireshark|docker|ping|nc|curl|modprobe";
const COMMAND = new RegExp(
  `(?:sudo +)?(?:${RegExp.escape(programName)}|\\btcpnet) [a-z].*?(?=;|\\)| {3}|$)|^ *(?:sudo +)?(?:${TOOLS}) .*$|\\b(?:wireshark|sudo) .*$`,
);

/**
 * One line in several where it is too wide: broken between its columns or, within one, at blanks, and continued below its text
 * (below the second column where the first is a label or a time). A word, or a command, that is wider alone stays whole.
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
      // Behind a label as well as on a line of its own: what is too wide for either.
      const isLost = /^ *\S+$/.test(current) && below.length + Bun.stringWidth(word) > columns;
      if (current === "" || fits || isLost) current += gap + word;
      else next(word);
    });
  }
  return [...lines, current];
}

/** So many blanks, or more, are between columns. */
const COLUMN_GAP = 3;

/** The pieces of a line, column by column; a label goes with the column behind it. */
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

/** The label or time that the line begins with, and the blanks around it; "": none. */
function labelOf(line: string): string {
  const [label = ""] = /^ *\S+ {2,}/.exec(Bun.stripANSI(line)) ?? [];
  return label.length > LABEL_MAX ? "" : label;
}

/** How far the lines below the first one are indented. */
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

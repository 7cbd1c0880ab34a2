/** Rows of a terminal as SVG: each run of characters stands at its column, so that any monospaced font will do. */

const CELL = 8.4;
const LINE = 17;
const SIZE = 14;
const MARGIN = 14;
/** Of codes that the dashboard uses, on a dark ground. */
const COLOURS: Readonly<Record<number, string>> = { 31: "#ff7b78", 32: "#58d68d", 33: "#f0c33c", 36: "#6fd0e0" };
const INK = "#e4e9f2";
const DIM = "#8492aa";

interface Style {
  readonly colour: string;
  readonly isBold: boolean;
}

const PLAIN: Style = { colour: INK, isBold: false };

export function terminalSvg(rows: readonly string[], title: string): string {
  const columns = Math.max(...rows.map((row) => Bun.stringWidth(row)));
  const width = Math.ceil(columns * CELL + 2 * MARGIN);
  const height = rows.length * LINE + 2 * MARGIN;
  const texts = rows.flatMap((row, i) => texted(row, MARGIN + (i + 0.78) * LINE));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#12161f"/>`,
    `<g font-family="'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="${SIZE}" xml:space="preserve">`,
    ...texts,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** A row: a text for each run of one style. Spaces are left out. */
function texted(row: string, y: number): string[] {
  const texts: string[] = [];
  let style = PLAIN;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: SGR sequences begin with one.
  for (const part of row.split(/(\x1b\[[\d;]*m)/)) {
    if (part.startsWith("\x1b[")) {
      for (const code of part.slice(2, -1).split(";")) style = styled(style, Number(code));
      continue;
    }
    // A gap of the font must not move what follows.
    for (const { 0: word, index } of part.matchAll(/\S+(?: \S+)*/g)) {
      const at = column + Bun.stringWidth(part.slice(0, index));
      const length = (Bun.stringWidth(word) * CELL).toFixed(1);
      const weight = style.isBold ? ' font-weight="bold"' : "";
      const x = (MARGIN + at * CELL).toFixed(1);
      texts.push(
        `<text x="${x}" y="${y.toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs" fill="${style.colour}"${weight}>${escaped(word)}</text>`,
      );
    }
    column += Bun.stringWidth(part);
  }
  return texts;
}

function styled(style: Style, code: number): Style {
  if (code === 1) return { ...style, isBold: true };
  if (code === 2) return { ...style, colour: DIM };
  if (code === 22) return { colour: style.colour === DIM ? INK : style.colour, isBold: false };
  if (code === 39) return { ...style, colour: INK };
  return code in COLOURS ? { ...style, colour: COLOURS[code]! } : PLAIN;
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

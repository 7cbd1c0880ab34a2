/** Two runs side by side: their numbers in one table. */

import type { ShownFigures, ShownVerdict } from "../meta.ts";
import { duration, percent, rate, size } from "../verdict/text.ts";
import { KIND_WORDS } from "./bands.ts";
import type { LoadedRun } from "./data.ts";
import { element } from "./dom.ts";

type Row = readonly [string, (f: ShownFigures) => number, (value: number) => string];

const took = (f: ShownFigures) => f.end - f.start;
const plain = (value: number) => `${value}`;

const ROWS: readonly Row[] = [
  ["data", (f) => f.octets, size],
  ["time", took, duration],
  ["rate", (f) => (took(f) > 0 ? (f.octets * 8e6) / took(f) : 0), rate],
  ["lost packets", (f) => f.lost, plain],
  ["sent again", (f) => f.resent, plain],
  ["of these spurious", (f) => f.late + f.had, plain],
  ["timeouts", (f) => f.timeouts, plain],
  ["smallest round trip", (f) => f.minRtt, duration],
  ["largest round trip", (f) => f.maxRtt, duration],
];

export function comparison(
  runs: readonly [LoadedRun, LoadedRun],
  verdicts: readonly [ShownVerdict, ShownVerdict],
): HTMLElement {
  const [a, b] = [verdicts[0].figures, verdicts[1].figures];
  const kinds = Object.keys(KIND_WORDS) as (keyof typeof KIND_WORDS)[];
  const share = (kind: string) => (f: ShownFigures) => (took(f) > 0 ? (f.shares?.[kind] ?? 0) / took(f) : 0);
  const rows: Row[] = [
    ...ROWS,
    ...kinds
      .filter((kind) => share(kind)(a) + share(kind)(b) > 0.005)
      .map((kind): Row => [`limited: ${KIND_WORDS[kind]}`, share(kind), percent]),
  ];
  const lines = rows.map(([name, of, text]) => {
    const change = of(a) > 0 ? (of(b) - of(a)) / of(a) : 0;
    const words = Math.abs(change) < 0.005 ? "" : `${change > 0 ? "+" : "−"}${percent(Math.abs(change))}`;
    return element("tr", {}, ...[name, text(of(a)), text(of(b)), words].map((cell) => element("td", {}, cell)));
  });
  const heads = ["", runs[0].name, runs[1].name, "change"].map((name) => element("th", {}, name));
  return element(
    "section",
    { class: "overview compare" },
    element("h2", {}, "Two runs"),
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)),
  );
}

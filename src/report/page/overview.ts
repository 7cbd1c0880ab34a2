/** Several connections: a table, the worst first, with a filter. */

import type { ShownVerdict } from "../meta.ts";
import { duration, rate, size } from "../verdict/text.ts";
import type { LoadedRun } from "./data.ts";
import { element } from "./dom.ts";

/** Rows that are shown at once. */
const SHOWN_MAX = 500;

const HEADS = ["connection", "data", "time", "rate", "lost", "resent", "timeouts", "what is to be said"] as const;

export function overview(run: LoadedRun, onChoose: (verdict: ShownVerdict) => void): HTMLElement {
  const sorted = [...run.verdicts].sort((a, b) => b.severity - a.severity || a.connection - b.connection);
  const body = element("tbody");
  const note = element("p", { class: "note" });
  const filter = element("input", {
    type: "search",
    placeholder: "filter: an address, a port, a word",
    "aria-label": "filter connections",
  });
  const lines = sorted.map((verdict) => ({ verdict, cells: cells(run, verdict) }));
  const draw = () => {
    const words = filter.value.trim().toLowerCase();
    const found = lines.filter(({ cells }) => words === "" || cells.some((cell) => cell.toLowerCase().includes(words)));
    body.replaceChildren(...found.slice(0, SHOWN_MAX).map(({ verdict, cells }) => row(verdict, cells, onChoose)));
    const more = found.length > SHOWN_MAX ? `; the first ${SHOWN_MAX} are shown` : "";
    note.textContent = `${found.length} of ${lines.length} directions, the worst first${more}`;
  };
  filter.addEventListener("input", draw);
  draw();
  const head = element("thead", {}, element("tr", {}, ...HEADS.map((name) => element("th", {}, name))));
  return element(
    "section",
    { class: "overview" },
    element("h2", {}, "Connections"),
    filter,
    note,
    element("table", {}, head, body),
  );
}

function cells(run: LoadedRun, { connection, from, figures, sentences }: ShownVerdict): string[] {
  const { ends, who } = run.connections[connection]!;
  const f = from as 0 | 1;
  const took = figures.end - figures.start;
  const worst =
    sentences.find(({ tone }) => tone === "bad") ?? sentences.find(({ tone }) => tone === "warn") ?? sentences[1];
  return [
    `${who[f]} ${ends[f]} → ${ends[(1 - f) as 0 | 1]}`.trim(),
    size(figures.octets),
    duration(took),
    took > 0 ? rate((figures.octets * 8e6) / took) : "",
    `${figures.lost}`,
    `${figures.resent}${figures.late + figures.had > 0 ? `, ${figures.late + figures.had} spurious` : ""}`,
    `${figures.timeouts}`,
    worst?.text ?? "",
  ];
}

function row(verdict: ShownVerdict, cells: readonly string[], onChoose: (verdict: ShownVerdict) => void): HTMLElement {
  const tone = verdict.sentences.some(({ tone }) => tone === "bad") ? "bad" : verdict.severity >= 10 ? "warn" : "";
  const line = element("tr", { class: tone, tabindex: "0" }, ...cells.map((cell) => element("td", {}, cell)));
  line.addEventListener("click", () => onChoose(verdict));
  line.addEventListener("keydown", (event) => {
    if (event.key === "Enter") onChoose(verdict);
  });
  return line;
}

/** Writes runs as one HTML file that needs nothing else. */

import type { Meta, RunMeta, ShownVerdict } from "./meta.ts";
import { pack } from "./model/pack.ts";
import type { Run } from "./model/run.ts";
import { pageCode } from "./page-code.ts";
import { type Verdict, verdictsOf } from "./verdict/verdict.ts";

/** A run and what it is called in the report. */
export interface NamedRun {
  readonly name: string;
  readonly run: Run;
}

export interface ReportOptions {
  readonly title: string;
  /** "tcpnet 0.1.0" */
  readonly program: string;
}

/** The whole page. */
export async function reportHtml(runs: readonly NamedRun[], { title, program }: ReportOptions): Promise<string> {
  const parts = runs.map(({ name, run }) => packRun(name, run));
  const meta: Meta = { title, program, runs: parts.map(({ meta }) => meta) };
  const { html, style, code } = await pageCode();
  const data = parts.map(({ base64 }, i) => `<script type="text/plain" id="data-${i}">${base64}</script>`).join("\n");
  const texts: Readonly<Record<string, string>> = {
    title: escapeText(title),
    program: escapeText(program),
    style,
    meta: inScript(JSON.stringify(meta)),
    data,
    // The only "</script" that may end the code is its own.
    code: code.replace(/<\/script/gi, "<\\/script"),
  };
  return html.replace(/\{\{(\w+)\}\}/g, (_, name: string) => texts[name]!);
}

function packRun(name: string, run: Run): { readonly meta: RunMeta; readonly base64: string } {
  const { columns, bytes } = pack(run);
  const { about, epoch, rules, connections, texts, missing, leftOut, inferred } = run;
  const verdicts = verdictsOf(run).map(shown);
  const meta = { name, about, epoch, rules, connections, texts, missing, leftOut, inferred, columns, verdicts };
  return { meta, base64: Buffer.from(Bun.gzipSync(bytes)).toString("base64") };
}

function shown({ connection, from, sentences, severity, figures: f }: Verdict): ShownVerdict {
  const { octets, start, end, resent, late, had, timeouts, minRtt, maxRtt, shares } = f;
  const lost = f.drops.reduce((n, { rows }) => n + rows.length, 0);
  const figures = { octets, start, end, resent, late, had, timeouts, lost, minRtt, maxRtt, shares };
  return { connection, from, sentences, severity, figures };
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON that cannot end its script element, or begin a comment in it. */
function inScript(json: string): string {
  return json.replace(/</g, "\\u003c");
}

/** Writes runs as one HTML file that needs nothing else. */
import { gzipSync } from "node:zlib";
import type { LiveData, Meta, RunMeta, ShownVerdict } from "./meta.ts";
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
export async function reportHtml(runs: readonly NamedRun[], options: ReportOptions): Promise<string> {
  const parts = runs.map(({ name, run }) => packRun(name, run));
  return await page({ ...options, runs: parts.map(({ meta }) => meta) }, parts);
}

/** The page of a run that goes on: it fetches `run` (`dataOf`) whenever `events`, server-sent, tells of more. */
export async function liveHtml(options: ReportOptions): Promise<string> {
  const html = await page({ ...options, runs: [], isLive: true }, []);
  return html.replace("default-src 'none';", "default-src 'none'; connect-src 'self';");
}

/** What such a page fetches. */
export function dataOf(runs: readonly NamedRun[]): LiveData {
  const parts = runs.map(({ name, run }) => packRun(name, run));
  return { runs: parts.map(({ meta }) => meta), data: parts.map(({ base64 }) => base64) };
}

async function page(meta: Meta, parts: readonly { readonly base64: string }[]): Promise<string> {
  const { title, program } = meta;
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
  return { meta, base64: gzipSync(bytes).toString("base64") };
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

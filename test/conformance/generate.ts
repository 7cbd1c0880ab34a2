/** `bun test/conformance/generate.ts` writes docs/CONFORMANCE.md from the table. */
import { find } from "./proofs.ts";
import { REQUIREMENTS, type Requirement } from "./requirements.ts";

export const PATH = `${import.meta.dir}/../../docs/CONFORMANCE.md`;
const WORDS = { yes: "yes", no: "**no**", "n/a": "n/a" } as const;

export function page(): string {
  const count = (start: string, verdict: string) =>
    REQUIREMENTS.filter((row) => row.id.startsWith(start) && row.verdict === verdict).length;
  const summary = ["MUST", "SHLD", "MAY", "REC"].map(
    (kind) => `| ${kind} | ${count(kind, "yes")} | ${count(kind, "no")} | ${count(kind, "n/a")} |`,
  );
  return [
    "# Conformance to RFC 9293",
    "",
    "Every requirement of Appendix B, what tcpnet does about it, and the tests that prove it. Made by",
    "`bun test/conformance/generate.ts` from `test/conformance/requirements.ts`; `bun test` fails where a requirement has neither",
    "a test nor a reason, where a test named here does not exist, or where this page is not current.",
    "",
    "| | yes | no | not applicable |",
    "| --- | --- | --- | --- |",
    ...summary,
    "",
    "| requirement | meaning | done | proof |",
    "| --- | --- | --- | --- |",
    ...REQUIREMENTS.map(line),
    "",
  ].join("\n");
}

function line(row: Requirement): string {
  const tests = row.proofs.flatMap((proof) => find(proof).map((name) => `${proof[0]}: ${name}`));
  const text = [...(row.note === "" ? [] : [row.note]), ...new Set(tests)].join("<br>");
  return `| ${row.id} | ${cell(row.meaning)} | ${WORDS[row.verdict]} | ${cell(text)} |`;
}

function cell(text: string): string {
  return text
    .replace(/<(?!br>)/g, "&lt;")
    .replaceAll("|", "\\|")
    .replaceAll("*", "\\*");
}

if (import.meta.main) await Bun.write(PATH, page());

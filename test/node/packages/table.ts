/** The table of docs/NODE.md, made of the programs that the tests run. `bun test/node/packages/table.ts` writes it. */
import { readFileSync, writeFileSync } from "node:fs";
import { ROOT } from "../../support/root.ts";

const PAGE = `${ROOT}docs/NODE.md`;
const SOURCES = ["http", "databases", "messages"].map((name) => `${ROOT}test/node/packages/${name}.ts`);
const HEAD = "| package | client | server |\n| --- | --- | --- |\n";

/** What `glue: NAME client` and `glue: NAME server` stand before in the sources: one statement each. */
function glue(): Map<string, { client?: string; server?: string }> {
  const all = new Map<string, { client?: string; server?: string }>();
  for (const path of SOURCES) {
    const found = readFileSync(path, "utf8").matchAll(/\/\/ glue: (\S+) (client|server)\n([\s\S]*?;)\n/g);
    for (const [, name, side, statement] of found) {
      const words = statement!
        .replace(/\s+/g, " ")
        .replace(/\( /g, "(")
        .replace(/,? \)/g, ")")
        .replace(/ as never|: object|: Give/g, "")
        .trim();
      all.set(name!, { ...all.get(name!), [side!]: words.replace(/;$|^const \w+ = /g, "").replace(/,(?= \})/g, "") });
    }
  }
  return all;
}

/** The rows, in the order of the sources. */
export function table(): string {
  const cell = (text: string | undefined) => (text === undefined ? "–" : `\`\` ${text} \`\``);
  const rows = [...glue()].map(([name, { client, server }]) => `| ${name} | ${cell(client)} | ${cell(server)} |`);
  return `${HEAD}${rows.join("\n")}\n`;
}

/** The table that the page has. */
export function written(): string {
  const page = readFileSync(PAGE, "utf8");
  const from = page.indexOf(HEAD);
  return from < 0 ? "" : page.slice(from, page.indexOf("\n\n", from) + 1);
}

if (import.meta.main)
  writeFileSync(
    PAGE,
    readFileSync(PAGE, "utf8").replace(written(), () => table()),
  );

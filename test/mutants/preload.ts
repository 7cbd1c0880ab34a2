/** Loads one source file with the change of the mutant named in MUTANT; nothing in src/ knows of this. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "./mutants.ts";
import { RULES } from "./rules.ts";

const mutant = [...MUTANTS, ...RULES].find(({ name }) => name === process.env.MUTANT);
if (mutant === undefined) throw new Error(`no mutant is called "${process.env.MUTANT}"`);
const path = fileURLToPath(new URL(`../../src/${mutant.file}`, import.meta.url));
const parts = readFileSync(path, "utf8").split(mutant.find);
if (parts.length !== 2) {
  throw new Error(
    `${mutant.name}: its text occurs ${parts.length - 1} times in src/${mutant.file}: the table is out of date`,
  );
}
const contents = parts.join(mutant.replace);

Bun.plugin({
  name: "mutant",
  setup(build) {
    build.onLoad({ filter: new RegExp(`${RegExp.escape(path)}$`) }, () => ({ contents, loader: "ts" }));
  },
});

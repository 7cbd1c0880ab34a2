/**
 * Tries all behaviours on one ground and prints a line of JSON for each: `{ name, error }`. Also runs in Node, whose own `net` is
 * what ours is compared with: `node test/node/behaviours/main.ts kernel`.
 */
import { writeSync } from "node:fs";
import { BEHAVIOURS } from "./all.ts";
import { tried } from "./tried.ts";

const [which = "kernel", word = ""] = process.argv.slice(2);
const ground =
  which === "ours" ? await (await import("./ours.ts")).ours() : await (await import("./kernel.ts")).kernel();
for (const behaviour of BEHAVIOURS.filter(({ name }) => name.includes(word))) {
  const error = await tried(behaviour, ground);
  writeSync(1, `${JSON.stringify({ name: behaviour.name, error })}\n`);
}
process.exit(0);

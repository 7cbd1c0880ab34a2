/** What docs/LIBRARY.md and docs/NODE.md say is so: their examples run, and print what is said. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";

const page = ["LIBRARY", "NODE"].map((name) => readFileSync(`${ROOT}docs/${name}.md`, "utf8")).join("\n");

/** Each example with the sentence that follows it. */
const examples = [...page.matchAll(/^```ts\n([\s\S]*?)^```\n\n(It prints [^\n]*)$/gm)].map(([, code, said]) => ({
  code: code!,
  printed: [...said!.matchAll(/`([^`]*)`/g)].map(([, line]) => line!),
}));

test("there are examples, and each says what it prints", () => {
  const fences = page.match(/^```ts$/gm)!.length;
  expect(fences).toBeGreaterThanOrEqual(5);
  expect(examples).toHaveLength(fences);
});

test.each(examples)("the example that prints $printed does so, and ends", async ({ code, printed }) => {
  // Inside of the package its name leads to itself.
  const folder = mkdtempSync(`${ROOT}node_modules/.library-`);
  try {
    const file = join(folder, "example.ts");
    writeFileSync(file, code);
    const child = Bun.spawn([process.execPath, file], { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([stderr, await child.exited, stdout.trim().split("\n")]).toEqual(["", 0, printed]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

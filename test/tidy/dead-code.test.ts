/** What nobody uses goes. */
import { expect, test } from "bun:test";
import { filesOf } from "./sources.ts";

/** Strings stay: templates use names, too. */
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");

const files = filesOf("src/*.ts", "ffi/*.ts").map(({ path, text }) => ({ path, code: withoutComments(text) }));

/** Numbers and layouts that a standard or a system defines: a whole table of them is there, whoever uses which. */
const TABLES = /^src\/(?:wire|lab\/drill\/constants)\/|^src\/observe\/pcapng\.ts$|^src\/tcp\/words\/error\.ts$|^ffi\//;

/** What only tests ask for: what is inside must be looked at. */
const FOR_TESTS = /^(?:LINK_DROPS|parseLink|makePersistentTun|removeTun|listenForControl)$/;

test("every exported name is used in src or ffi", () => {
  const uses = new Map<string, number>();
  for (const { code } of files) {
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) uses.set(word, (uses.get(word) ?? 0) + 1);
  }
  const dead = files
    .filter(({ path }) => !TABLES.test(path) && path !== "src/index.ts" && !path.startsWith("src/package/"))
    .flatMap(({ path, code }) =>
      [...code.matchAll(/^export (?:async )?(?:const|let|function\*?|class|interface|type) (\w+)/gm)]
        .map((match) => match[1]!)
        .filter((name) => uses.get(name) === 1 && !FOR_TESTS.test(name))
        .map((name) => `${path}: ${name}`),
    );
  expect(dead).toEqual([]);
});

import { describe, expect, test } from "bun:test";
import { relative } from "node:path";
import { scriptLines } from "#lab/drill/report";
import { OWN, runOwn } from "./own.ts";

/** Every script of this folder against the stack, with --strict: no packet goes unread. */
describe("scripts", () => {
  for (const { path, source } of OWN) {
    test(relative(import.meta.dir, path), () => {
      const reported = runOwn(path, source);
      if (reported.result.status === "ok") return;
      const replay = `tcpnet drill --strict --verbose ${path}`;
      throw new Error(`${scriptLines(reported, true).join("\n")}\nreplay: ${replay}`);
    });
  }

  test("each says at its head which rule it is about", () => {
    for (const { path, source } of OWN) {
      const head = source.split("\n\n", 1)[0]!;
      expect(head.startsWith("// ") && /RFC \d+|POSIX|SO_LINGER|Linux|FreeBSD/.test(head), path).toBe(true);
    }
  });
});

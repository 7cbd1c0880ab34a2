import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { drill } from "#drill/drill";
import { scripts } from "#drill/main";
import { scriptLines } from "#drill/report";
import { StackEngine } from "#drill/stack-engine";

/** Every script of this folder against the stack, with --strict: no packet goes unread. */
describe("scripts", () => {
  for (const path of scripts(import.meta.dir)) {
    test(relative(import.meta.dir, path), () => {
      const reported = drill(readFileSync(path, "utf8"), path, {
        profile: "linux",
        defines: new Map(),
        strict: true,
        seed: 1,
        newEngine: (setup) => new StackEngine(setup),
      });
      if (reported.result.status === "ok") return;
      throw new Error(`${scriptLines(reported, true).join("\n")}\nreplay: tcpnet drill --strict --verbose ${path}`);
    });
  }

  test("each says at its head which rule it is about", () => {
    for (const path of scripts(import.meta.dir)) {
      const head = readFileSync(path, "utf8").split("\n\n", 1)[0]!;
      expect(head.startsWith("// ") && /RFC \d+|POSIX|SO_LINGER/.test(head), join(path)).toBe(true);
    }
  });
});

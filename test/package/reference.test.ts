/** The API reference: whatever users can name is exported and has a docstring, and no link leads nowhere. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lacksPackages } from "../support/npm.ts";
import { testUnless } from "../support/test-unless.ts";
import { filesIn, packed } from "./packed.ts";
import { type Reference, reference } from "./reference.ts";

const lacking = lacksPackages("package");
const docTest = (name: string, work: () => void) => testUnless(lacking, name, work);
const out = mkdtempSync(join(tmpdir(), "tcpnet-reference-test-"));
let made: Reference;

beforeAll(async () => {
  if (lacking === "") made = await reference((await packed()).folder, out);
}, 120_000);

afterAll(() => rmSync(out, { recursive: true, force: true }));

/** The fields of events are described in docs/REPORT.md, members in Node's shape by Node, and those of the simulator by its sources. */
const ELSEWHERE = /^tcpnet\.TraceEvent\.__type\.|^tcpnet\/node\.\w+\.|\bis referenced by tcpnet\/sim\./;

describe("the API reference", () => {
  docTest("every type that an exported one mentions is exported, too", () => {
    expect(made.complaints.filter((line) => line.includes("is referenced by") && !ELSEWHERE.test(line))).toEqual([]);
  });

  docTest("whatever is exported has a docstring, and so has each of its members", () => {
    const silent = made.complaints.filter((line) => line.includes("does not have any documentation"));
    expect(silent.filter((line) => !ELSEWHERE.test(line))).toEqual([]);
  });

  docTest("typedoc complains of nothing else", () => {
    const known = /is referenced by|does not have any documentation/;
    expect(made.complaints.filter((line) => !known.test(line))).toEqual([]);
  });

  docTest("no link between its pages is broken", () => {
    const pages = filesIn(out).filter((path) => path.endsWith(".html"));
    expect(pages.length).toBeGreaterThan(60);
    const broken = pages.flatMap((page) =>
      [...readFileSync(join(out, page), "utf8").matchAll(/\shref="([^"#]+)(?:#[^"]*)?"/g)]
        .map((match) => match[1]!)
        .filter((link) => !/^(?:https?:|data:)/.test(link) && !existsSync(join(out, dirname(page), decodeURI(link))))
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });
});

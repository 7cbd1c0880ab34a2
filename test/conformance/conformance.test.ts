import { describe, expect, test } from "bun:test";
import { PATH, page } from "./generate.ts";
import { find, namesIn } from "./proofs.ts";
import { REQUIREMENTS } from "./requirements.ts";

const LABELS = [
  ...Array.from({ length: 69 }, (_, i) => `MUST-${i + 1}`),
  ...Array.from({ length: 31 }, (_, i) => `SHLD-${i + 1}`),
  ...Array.from({ length: 18 }, (_, i) => `MAY-${i + 1}`),
  "REC-1",
];

describe("the table of RFC 9293 Appendix B", () => {
  test("has all 119 labels, once each, in order", () => {
    expect(REQUIREMENTS.map((row) => row.id)).toEqual(LABELS);
  });

  test.each(REQUIREMENTS.map((row) => [row.id, row] as const))("%s has tests that exist, or a reason", (_id, row) => {
    for (const proof of row.proofs) expect({ proof, found: find(proof).length > 0 }).toEqual({ proof, found: true });
    if (row.verdict === "yes") expect(row.proofs.length).toBeGreaterThan(0);
    else expect(row.note.length).toBeGreaterThan(20);
  });

  test("no MUST is left undone where it applies", () => {
    expect(REQUIREMENTS.filter((row) => row.id.startsWith("MUST") && row.verdict === "no")).toEqual([]);
  });

  test("docs/CONFORMANCE.md is current (`bun test/conformance/generate.ts`)", async () => {
    expect(await Bun.file(PATH).text()).toBe(page());
  });
});

test("a test that is skipped, left to do or known to fail proves nothing", () => {
  const source = `
    test("runs", () => {});
    test.each([["(", 1]] as const)("also %s", () => {});
    test.skip("no", () => {});
    test.todo("no");
    test.failing("no", () => {});
    test.if(false)("no", () => {});
  `;
  expect(namesIn(source)).toEqual(["runs", "also %s"]);
});

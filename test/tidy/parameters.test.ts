/** A function of src/tcp, src/stack and src/wire takes at most six parameters: more of them are one thing, and are passed as that. */
import { expect, test } from "bun:test";
import { codeOf, filesOf } from "./sources.ts";

const MOST = 6;
/** Two addresses of four words each, and headers field by field: what a record of them would cost, each packet would pay. */
const EXCEPTIONS = new Set([
  "src/stack/demux.ts: find 10",
  "src/stack/demux.ts: matches 11",
  "src/tcp/words/rows.ts: matches 11",
  "src/stack/listeners.ts: find 7",
  "src/wire/checksum.ts: pseudo6 10",
  "src/wire/ipv4.ts: write 10",
  "src/wire/ipv6.ts: write 7",
  "src/wire/print.ts: transport 7",
  "src/wire/tcp.ts: write 10",
  // Not of a packet.
  "src/tcp/loss/sack.ts: applyBlock 7",
]);
const FUNCTION = /(?:\bfunction (\w+)|^ {2}(?:static |async |\*)*(#?\w+))\(([^(){}]*)\)(?:: [^{\n]+)? \{/gm;

/** `name count` of the functions with more parameters than that. */
function long(code: string): string[] {
  return [...code.matchAll(FUNCTION)].flatMap(([, name, method, parameters = ""]) => {
    const n = parameters.split(",").filter((each) => each.trim() !== "").length;
    return n > MOST ? [`${name ?? method} ${n}`] : [];
  });
}

test(`no function takes more than ${MOST} parameters, but for those that are named here`, () => {
  const found = filesOf("src/tcp/*.ts", "src/stack/*.ts", "src/wire/*.ts").flatMap(({ path, text }) =>
    long(codeOf(text)).map((each) => `${path}: ${each}`),
  );
  expect(found.filter((each) => !EXCEPTIONS.has(each))).toEqual([]);
  expect([...EXCEPTIONS].filter((each) => !found.includes(each))).toEqual([]);
});

test("the rule counts parameters of functions and methods", () => {
  expect(long("function f(a: A, b: B, c: C, d: D, e: E, f: F, g: G): void {\n}")).toEqual(["f 7"]);
  expect(long("  #m(\n    a: A,\n    b: B,\n  ): void {\n  }")).toEqual([]);
});

/** Sequence numbers wrap: `<` between two of them is wrong once per 4 GiB. They are compared in src/tcp/words/seq.ts only (RFC 9293 §3.4). */
import { expect, test } from "bun:test";
import { filesOf, findings } from "./sources.ts";

/** Fields and names that hold sequence numbers. Counts of octets (`n`, `wnd`, `queued`) do not wrap, and are not among them. */
const NUMBER = String.raw`(?:\b(?:una|nxt|iss|irs|wl1|wl2|recover|highSacked|sndNxt|rcvNxt)|\bseg\.(?:seq|ack|end)|\.(?:seq|ack|left|right))\b`;
/** `a < b`, `a >= b`: not a type's brackets, not an arrow. */
const ORDER = String.raw`\s(?:<|>|<=|>=)\s`;
const COMPARED = new RegExp(`${NUMBER}${ORDER}[\\w.]+|[\\w.)\\]]+${ORDER}(?:\\w+\\.)*${NUMBER}`, "g");

const files = filesOf("src/tcp/*.ts", "src/stack/*.ts").filter(({ path }) => path !== "src/tcp/words/seq.ts");

test("no sequence numbers are compared but by seq.ts", () => {
  expect(findings(files, () => COMPARED)).toEqual([]);
});

test("the rule finds comparisons, and lets differences be", () => {
  const found = (code: string) => [...code.matchAll(COMPARED)].length;
  expect(found("if (seg.seq < rcv.nxt) drop();")).toBe(1);
  expect(found("if (x >= tcb.snd.una) drop();")).toBe(1);
  expect(found("if (lt(seg.seq, rcv.nxt) && diff(seg.ack, snd.una) > 0) drop();")).toBe(0);
});

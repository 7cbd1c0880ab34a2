import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { symbol } from "#lab/drill/constants/symbols";
import { ScriptError, Unsupported } from "#lab/drill/language/ast";
import { CodeBlocks } from "#lab/drill/python/code-blocks";

const AT = { file: "t.pkt", line: 1, column: 1 };
const run = (code: string, variables: Record<string, number> = {}) => new CodeBlocks(symbol).run(code, variables, AT);

test("arithmetic, shifts and bits agree with JavaScript's", () => {
  const leaf = fc.integer({ min: 0, max: 1000 }).map((n) => ({ text: String(n), value: n }));
  const tree: fc.Memo<{ text: string; value: number }> = fc.memo((n) =>
    n <= 1
      ? leaf
      : fc
          .tuple(tree(), fc.constantFrom("+", "-", "*", "&", "|", "^"), tree())
          .filter(
            ([a, op, b]) =>
              "+-*".includes(op) || (a.value >= 0 && b.value >= 0 && a.value < 2 ** 31 && b.value < 2 ** 31),
          )
          .map(([a, op, b]) => ({
            text: `(${a.text} ${op} ${b.text})`,
            value: {
              "+": a.value + b.value,
              "-": a.value - b.value,
              "*": a.value * b.value,
              "&": a.value & b.value,
              "|": a.value | b.value,
              "^": a.value ^ b.value,
            }[op]!,
          })),
  );
  fc.assert(
    fc.property(tree(3), ({ text, value }) => {
      expect(run(`assert ${text} == ${value}`)).toBeUndefined();
      expect(run(`assert ${text} == ${value + 1}`)).toContain("assert");
    }),
    { seed: 3, numRuns: 300 },
  );
});

describe("Python's ways", () => {
  const holds = [
    "1 + 2 * 3 == 7",
    "7 // 2 == 3",
    "-7 // 2 == -4",
    "-7 % 3 == 2",
    "2 ** 3 ** 2 == 512",
    "-2 ** 2 == -4",
    "1 < 2 < 3",
    "not 1 < 0",
    "5 & 6 == 4 and 6 == 6 or True",
    "1 | 2 == 3",
    "abs(-3) == max(1, 3)",
    "0x10 == 16",
    "'a' == \"a\"",
    "1.5 * 2 == 3",
    "TCP_ESTABLISHED == 1, 'message, with (commas'",
    "x == 5 and \\\n y <= 6",
    "(x ==\n 5), str(x)",
  ];
  for (const text of holds) test(text, () => expect(run(`assert ${text}`, { x: 5, y: 6 })).toBeUndefined());

  const fails = ["1 < 2 > 3", "not True", "x != 5", "0", "''", "1 == '1'", "3 < x < 5"];
  for (const text of fails)
    test(`not: ${text}`, () => expect(run(`assert ${text}`, { x: 5 })).toContain(`assert ${text}`));
});

test("a failed assertion is reported with the values of its names", () => {
  expect(run("assert tcpi_snd_cwnd == 10 and tcpi_rto < 5, tcpi_snd_cwnd", { tcpi_snd_cwnd: 11, tcpi_rto: 4 })).toBe(
    "assert tcpi_snd_cwnd == 10 and tcpi_rto < 5, tcpi_snd_cwnd (tcpi_snd_cwnd = 11)",
  );
  expect(run("assert 5000 <= tcpi_rtt <= 20000, 'srtt=%d us' % tcpi_rtt", { tcpi_rtt: 100 })).toBe(
    "assert 5000 <= tcpi_rtt <= 20000, 'srtt=%d us' % tcpi_rtt (tcpi_rtt = 100): srtt=100 us",
  );
});

describe("statements", () => {
  const holds = (name: string, code: string) => test(name, () => expect(run(code, { x: 5 })).toBeUndefined());
  holds("if, elif, else", "if x > 5:\n  y = 1\nelif x == 5:\n  y = 2\nelse:\n  y = 3\nassert y == 2");
  holds(
    "for and while, break and continue",
    `
    total = 0
    for i in range(10):
        if i % 2: continue
        if i > 6:
            break
        total += i
    while total > 12: total -= 1
    assert total == 12`,
  );
  holds("several targets", "a, b = 1, 2; c = d = a + b\nassert (c, d) == (3, 3)");
  holds("a block that begins behind its brace", " assert x == 5, x\nassert x < 6 # comment\n");
  holds("blank and comment lines keep no indentation", "if x:\n    a = 1\n\n# comment\n    b = 2\nassert a + b == 3");
  holds("print of both Pythons", "print(x, 'y'); print 'x=%d' % x");
  holds("f-strings", "assert f'{x:03d}|{x!r}|{{}}|{x + 1}' == '005|5|{}|6'");
  holds("imports that are here anyway", "import math, sys\nassert math.ceil(1.2) == 2");
  test("what was printed can be read", () => {
    const blocks = new CodeBlocks(symbol);
    blocks.run("print('cwnd', tcpi_snd_cwnd)\nprint('%5.1f' % 2.24)", { tcpi_snd_cwnd: 10 }, AT);
    expect(blocks.printed).toEqual(["cwnd 10", "  2.2"]);
  });
  test("a failed assertion in a branch is reported", () =>
    expect(run("if x:\n  assert x == 4", { x: 5 })).toBe("assert x == 4 (x = 5)"));
});

describe("what Python itself would raise is a wrong script", () => {
  for (const code of [
    "assert 1 / 0",
    "assert 'a' + 1",
    "assert '%d' % 'a'",
    "assert [1][3]",
    "assert '%d %d' % 1",
    "x, y = 1, 2, 3",
  ])
    test(code, () => expect(() => run(code)).toThrow(ScriptError));
});

test("variables persist from block to block, snapshots do not", () => {
  const blocks = new CodeBlocks(symbol);
  expect(blocks.run("before = tcpi_snd_cwnd  # comment", { tcpi_snd_cwnd: 10 }, AT)).toBeUndefined();
  expect(blocks.run("print(before); assert tcpi_snd_cwnd == before + 1", { tcpi_snd_cwnd: 11 }, AT)).toBeUndefined();
});

test("anything else is unsupported, never a pass", () => {
  const strange = [
    "assert f(1)",
    "assert a",
    "def f(): pass",
    "assert [i for i in (1, 2)]",
    "assert 1 2",
    "assert",
    "x += 1",
    "assert {1: 2}",
    "try: pass",
    "assert lambda: 1",
    "import socket",
    "while True: pass",
    "assert 'abc'.title()",
    "assert 'a",
    "if 1:\nassert 1",
  ];
  for (const code of strange) expect(() => run(code), code).toThrow(Unsupported);
});

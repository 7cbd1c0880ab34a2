import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Unsupported } from "#drill/ast";
import { CodeBlocks } from "#drill/expressions";

const AT = { file: "t.pkt", line: 1, column: 1 };
const run = (code: string, variables: Record<string, number> = {}) => new CodeBlocks().run(code, variables, AT);

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

test("what failed is told with the values of its names", () => {
  expect(run("assert tcpi_snd_cwnd == 10 and tcpi_rto < 5, tcpi_snd_cwnd", { tcpi_snd_cwnd: 11, tcpi_rto: 4 })).toBe(
    "assert tcpi_snd_cwnd == 10 and tcpi_rto < 5, tcpi_snd_cwnd (tcpi_snd_cwnd = 11, tcpi_rto = 4)",
  );
});

test("names live from block to block, snapshots do not", () => {
  const blocks = new CodeBlocks();
  expect(blocks.run("before = tcpi_snd_cwnd  # comment", { tcpi_snd_cwnd: 10 }, AT)).toBeUndefined();
  expect(blocks.run("print(before); assert tcpi_snd_cwnd == before + 1", { tcpi_snd_cwnd: 11 }, AT)).toBeUndefined();
});

test("anything else is unsupported, never a pass", () => {
  const strange = [
    "assert f(1)",
    "assert a",
    "for i in x: pass",
    "assert [1]",
    "assert 1 if 2 else 3",
    "assert 1 2",
    "assert",
    "x += 1",
    "assert 'a' % 1",
    "assert (1, 2)",
  ];
  for (const code of strange) expect(() => run(code), code).toThrow(Unsupported);
});

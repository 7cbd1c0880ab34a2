import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { drill } from "#drill/drill";
import { scripts } from "#drill/main";
import { StackEngine } from "#drill/stack-engine";

/**
 * The scripts themselves, each expectation made wrong in one place: whatever the stack does, at most one of the two can
 * pass. An interpreter that lets a wrong expectation through has not checked it.
 */
const CHANGES: readonly [string, (line: string) => string][] = [
  ["ack", (line) => line.replace(/ ack (\d+)/, (_, n) => ` ack ${Number(n) + 1}`)],
  ["seq", (line) => line.replace(/ (\d+):(\d+)\(/, (_, a, b) => ` ${Number(a) + 1}:${Number(b) + 1}(`)],
  ["length", (line) => line.replace(/(\d+)\((\d+)\)/, (_, b, n) => `${Number(b) + 1}(${Number(n) + 1})`)],
  [
    "flag",
    (line) =>
      line.replace(/> (\S*?)(\.| )/, (whole, flags, end) => (whole.includes("U") ? whole : `> ${flags}U${end}`)),
  ],
  [
    "options",
    (line) =>
      /<\.\.\.>/.test(line) ? line : line.includes("<") ? line.replace(/<.*>/, "") : `${line} <nop,nop,nop,nop>`,
  ],
  ["window", (line) => line.replace(/ win (\d+)/, (_, n) => ` win ${Number(n) - 1}`)],
  ["time", (line) => line.replace(/^\+(\S+?)(~\S+)?(\s+)/, (_, t, _to, blank) => `+${2 * Number(t) + 1}${blank}`)],
];

function passes(source: string): boolean {
  const options = { profile: "linux" as const, defines: new Map<string, string>(), strict: true, seed: 1 };
  return drill(source, "t.pkt", { ...options, newEngine: (setup) => new StackEngine(setup) }).result.status === "ok";
}

/** A SYN's own number names the script's origin, so any number is right there. */
const namesOrigin = (line: string, what: string) => what === "seq" && /> S\.? /.test(line);

for (const [what, change] of CHANGES) {
  test(`an expected packet with another ${what} fails every script that passes`, () => {
    let tried = 0;
    for (const path of scripts(import.meta.dir)) {
      const source = readFileSync(path, "utf8");
      if (!passes(source)) continue;
      const lines = source.split("\n");
      lines.forEach((line, i) => {
        if (!/^\S+\s+> /.test(line) || line.startsWith("*") || /icmp|\d > \d/.test(line) || namesOrigin(line, what))
          return;
        const changed = change(line);
        if (changed === line) return;
        tried++;
        const mutant = lines.with(i, changed).join("\n");
        expect(passes(mutant), `${path}:${i + 1}: ${changed}`).toBe(false);
      });
    }
    expect(tried).toBeGreaterThan(what === "window" ? 5 : 100);
  });
}

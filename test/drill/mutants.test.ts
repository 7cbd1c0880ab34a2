import { expect, test } from "bun:test";
import { OWN, runOwn } from "./own.ts";

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
    (line) => (/<\.\.\.>/.test(line) ? line : line.includes("<") ? line.replace(/<.*>/, "") : `${line} <mss 7>`),
  ],
  ["window", (line) => line.replace(/ win (\d+)/, (_, n) => ` win ${Number(n) - 1}`)],
  ["time", (line) => line.replace(/^\+(\S+?)(~\S+)?(\s+)/, (_, t, _to, blank) => `+${2 * Number(t) + 1}${blank}`)],
];

const passes = (path: string, source: string) => runOwn(path, source).result.status === "ok";
const GOOD = OWN.filter(({ path, source }) => passes(path, source));

/** A SYN's own number names the script's origin, so any number is right there. */
const namesOrigin = (line: string, what: string) => what === "seq" && /> (\[[^\]]*\] )?S[EW]*\.? /.test(line);

/** A line that expects a packet whose fields this change can make wrong in this script's profile. */
function changeable(path: string, line: string, what: string): boolean {
  if (!/^\S+\s+> /.test(line) || line.startsWith("*") || /icmp|\d > \d|\.\.\.\(/.test(line)) return false;
  // FreeBSD's dialect leaves windows free, and when a pure ACK comes.
  if (path.includes("/freebsd/") && (what === "window" || what === "time")) return false;
  return !namesOrigin(line, what);
}

/** Each change is tried on every fifth script, by turns; on all of them with `just drill-mutants`. */
const SHARE = process.env.DRILL_MUTANTS === "all" ? 1 : 5;

for (const [turn, [what, change]] of CHANGES.entries()) {
  test(`an expected packet with another ${what} fails every script that passes`, () => {
    let tried = 0;
    GOOD.forEach(({ path, source }, n) => {
      if ((n + turn) % SHARE !== 0) return;
      const lines = source.split("\n");
      const candidates = lines.flatMap((line, i) => (changeable(path, line, what) && change(line) !== line ? [i] : []));
      // One per script, by turns: all of them would take half a minute and find nothing more.
      const i = candidates[Math.floor(n / SHARE) % candidates.length];
      if (i === undefined) return;
      tried++;
      const changed = change(lines[i]!);
      expect(passes(path, lines.with(i, changed).join("\n")), `${path}:${i + 1}: ${changed}`).toBe(false);
    });
    expect(tried).toBeGreaterThan((what === "window" ? 5 : 100) / SHARE);
  });
}

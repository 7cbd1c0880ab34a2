import { type Answer, OK, said } from "./answer.ts";
import type { Context } from "./programs.ts";

/** nstat: counters by Linux's names. A script that uses a counter that is not kept is unsupported. */

export function counterProgram(name: string, args: readonly string[], { host, memory }: Context): Answer | undefined {
  if (name !== "nstat") return undefined;
  const flags = args.filter((arg) => arg.startsWith("-")).join("");
  const wanted = args.filter((arg) => !arg.startsWith("-"));
  if (/[^-naszrj]/.test(flags) || flags.includes("j")) return undefined;
  const now = host.counters();
  if (!now || wanted.some((pattern) => !Object.keys(now).some((each) => matches(pattern, each)))) return undefined;
  const [quiet, absolute, zeros, keeps] = ["n", "a", "z", "s"].map((flag) => flags.includes(flag));
  const lines = ["#kernel"];
  for (const [counter, value] of Object.entries(now)) {
    const isWanted = wanted.length === 0 || wanted.some((pattern) => matches(pattern, counter));
    const shown = absolute ? value : value - (memory.counted.get(counter) ?? 0);
    if (!keeps) memory.counted.set(counter, value);
    if (isWanted && (shown !== 0 || zeros)) lines.push(`${counter.padEnd(32)}${String(shown).padEnd(16)}   0.0`);
  }
  return quiet ? OK : said(lines);
}

/** nstat's patterns: `*` and `?`. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[\\^$.+()[\]{}|]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}

/** A counter that a command names, in whole or in part, and that is not kept. */
export function unknownCounter(
  args: readonly string[],
  questions: readonly string[],
  kept: Readonly<Record<string, number>>,
): string | undefined {
  const names = [...args.filter((arg) => !arg.startsWith("-")), ...questions].flatMap(
    (text) => text.match(/[A-Z]\w*[a-z]\w*/g) ?? [],
  );
  return names.find((name) => !Object.keys(kept).some((each) => each.includes(name)));
}

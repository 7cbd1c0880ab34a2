import { linesOf, said } from "./answer.ts";
import type { Program } from "./programs.ts";
import { expression, textOf } from "./text.ts";

/** The part of sed that scripts use: `s/a/b/gp`, `/a/d`, `2p`, `$d`, `/a/,/b/p`, with -n, -e, -E. */

interface Address {
  readonly line: number | "last" | undefined;
  readonly pattern: RegExp | undefined;
}

interface Command {
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly inverted: boolean;
  readonly action: "p" | "d" | "q" | "s";
  readonly pattern?: RegExp;
  readonly replacement?: string;
  readonly prints?: boolean;
}

export const sed: Program = (args, context) => {
  const scripts: string[] = [];
  const files: string[] = [];
  let [quiet, extended] = [false, false];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-e") scripts.push(args[++i] ?? "");
    else if (/^-[nErs]+$/.test(arg)) {
      quiet ||= arg.includes("n");
      extended ||= /[Er]/.test(arg);
    } else if (arg.startsWith("-")) return undefined;
    else if (scripts.length === 0) scripts.push(arg);
    else files.push(arg);
  }
  const commands = parse(scripts.join("\n"), extended);
  const given = textOf(files, context);
  if (!commands || !given) return undefined;
  return said(run(linesOf(given.text), commands, quiet));
};

function parse(script: string, extended: boolean): Command[] | undefined {
  const commands: Command[] = [];
  let rest = script;
  while ((rest = rest.replace(/^[\s;]+/, "")) !== "") {
    const from = address(rest, extended);
    if (from === null) return undefined;
    rest = from ? rest.slice(from.length) : rest;
    const to = from && rest.startsWith(",") ? address(rest.slice(1), extended) : undefined;
    if (to === null) return undefined;
    rest = to ? rest.slice(1 + to.length) : rest;
    const found = /^\s*(!?)\s*([pdq](?=[\s;}]|$)|s(.)((?:\\.|(?!\3).)*)\3((?:\\.|(?!\3).)*)\3([gpi]*))/s.exec(rest);
    if (!found) return undefined;
    rest = rest.slice(found[0].length);
    const [, not, word, , left = "", right = "", flags = ""] = found;
    const one = { from: from?.address, to: to?.address, inverted: not === "!" };
    if (!word!.startsWith("s")) {
      commands.push({ ...one, action: word as "p" | "d" | "q" });
      continue;
    }
    const pattern = expression(left, `${extended ? "E" : ""}${flags.includes("i") ? "i" : ""}`);
    if (!pattern) return undefined;
    commands.push({
      ...one,
      action: "s",
      pattern: new RegExp(pattern.source, pattern.flags + (flags.includes("g") ? "g" : "")),
      replacement: right,
      prints: flags.includes("p"),
    });
  }
  return commands;
}

function address(text: string, extended: boolean): { address: Address; length: number } | undefined | null {
  const found = /^(\d+|\$|\/((?:\\.|[^/\\])*)\/)/.exec(text);
  if (!found) return undefined;
  const [all, , source] = found;
  if (source === undefined)
    return { address: { line: all === "$" ? "last" : Number(all), pattern: undefined }, length: all.length };
  const pattern = expression(source, extended ? "E" : "");
  return pattern ? { address: { line: undefined, pattern }, length: all.length } : null;
}

function run(lines: readonly string[], commands: readonly Command[], quiet: boolean): string[] {
  const out: string[] = [];
  const inside = new Set<Command>();
  for (const [i, original] of lines.entries()) {
    let line = original;
    let [kept, over] = [true, false];
    const meets = (a: Address) =>
      a.pattern ? a.pattern.test(line) : a.line === "last" ? i === lines.length - 1 : a.line === i + 1;
    for (const command of commands) {
      if (selects(command, meets, inside) === command.inverted) continue;
      if (command.action === "p") out.push(line);
      if (command.action === "d") kept = false;
      if (command.action === "q") over = true;
      if (command.action === "s") {
        const changed = line.replace(command.pattern!, (...found: unknown[]) => replaced(command.replacement!, found));
        if (changed !== line && command.prints) out.push(changed);
        line = changed;
      }
      if (!kept || over) break;
    }
    if (kept && !quiet) out.push(line);
    if (over) break;
  }
  return out;
}

function selects(command: Command, meets: (a: Address) => boolean, inside: Set<Command>): boolean {
  const { from, to } = command;
  if (!from) return true;
  if (!to) return meets(from);
  if (inside.has(command)) {
    if (meets(to)) inside.delete(command);
    return true;
  }
  if (!meets(from)) return false;
  inside.add(command);
  return true;
}

/** `&` and `\1` in the replacement. */
function replaced(text: string, found: readonly unknown[]): string {
  return text.replace(/\\(.)|&/gs, (all, escaped: string | undefined) => {
    if (escaped === undefined) return String(found[0]);
    if (/\d/.test(escaped)) return String(found[Number(escaped)] ?? "");
    return escaped === "n" ? "\n" : all.slice(1);
  });
}

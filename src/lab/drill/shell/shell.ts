import { type Answer, linesOf, OK, type Ran } from "./answer.ts";
import { ArithmeticProblem, arithmetic } from "./arithmetic.ts";
import { unknownCounter } from "./counters.ts";
import { Expansion, globOf, NotUnderstood } from "./expand.ts";
import type { ShellHost } from "./host.ts";
import { parseShell, SyntaxProblem } from "./parse.ts";
import { type Memory, programOf } from "./programs.ts";
import { writeFile } from "./redirect.ts";
import { UNTOLD } from "./ss.ts";
import type { Node, Redirection, Word } from "./tree.ts";

/**
 * Runs the commands of scripts. No program is ever started: programs that concern the machine under test, or process text about it, are
 * simulated here (`programs.ts`), and any other makes the script unsupported.
 */

/** The most steps of a command; more is considered a mistake. */
const STEPS_MAX = 100_000;
const CALLS_MAX = 100;

class Leave extends Error {
  constructor(
    readonly kind: "exit" | "return" | "break" | "continue",
    public amount: number,
  ) {
    super(kind);
  }
}

export class Shell {
  readonly #host: ShellHost;
  readonly #functions = new Map<string, Node>();
  readonly #memory: Memory;
  #steps = 0;
  #calls = 0;
  readonly #expand = new Expansion((body) => this.#captured(() => this.#node(body, "")));
  #exitsOnError = false;
  #failsWithPipe = false;
  #writes = "";
  /** The program that ran last, and the input of the last program of the pipeline that failed last. */
  #program = "";
  #refused: Ran["refused"];
  /** With `set -e`, a failing condition does not end the shell. */
  #tested = 0;

  constructor(host: ShellHost, memory: Memory = { counted: new Map() }) {
    this.#host = host;
    this.#memory = memory;
  }

  /** Runs a command. Throws NotUnderstood. `text` is its output, which is only used in reports. */
  run(command: string): Ran {
    this.#writes = "";
    this.#steps = 0;
    this.#refused = undefined;
    try {
      const { status } = this.#node(parseShell(command), "");
      return { text: this.#writes, status, refused: this.#refused };
    } catch (error) {
      if (error instanceof Leave) return { text: this.#writes, status: error.amount & 255, refused: this.#refused };
      if (error instanceof SyntaxProblem || error instanceof ArithmeticProblem)
        throw new NotUnderstood(`command ${firstLine(command)}: ${error.message}`);
      throw error;
    }
  }

  #node(node: Node, input: string): Answer {
    if (++this.#steps > STEPS_MAX) throw new NotUnderstood("a command that does not end");
    switch (node.kind) {
      case "simple":
        return this.#simple(node, input);
      case "pipeline":
        return this.#pipeline(node, input);
      case "list":
        return this.#list(node.items, input);
      case "if":
        return this.#if(node, input);
      case "while":
      case "for":
        return this.#loop(node, input);
      case "case":
        return this.#case(node, input);
      case "function":
        this.#functions.set(node.name, node.body);
        return this.#answer("", 0);
      case "compute":
        return this.#answer("", Number(arithmetic(this.#expand.text(node.text), this.#expand.names) === 0n));
      case "group":
        return this.#group(node, input);
    }
  }

  #answer(text: string, status: number): Answer {
    this.#writes += text;
    this.#expand.status = status;
    return { text, status };
  }

  #list(items: (Node & { kind: "list" })["items"], input: string): Answer {
    let last: Answer = OK;
    items.forEach(({ after, node }, i) => {
      if (after === "success" && last.status !== 0) return;
      if (after === "failure" && last.status === 0) return;
      const isTested = items[i + 1] !== undefined && items[i + 1]!.after !== "any";
      last = isTested ? this.#test(node, input) : this.#node(node, input);
      if (last.status !== 0 && this.#exitsOnError && !isTested && this.#tested === 0)
        throw new Leave("exit", last.status);
    });
    return last;
  }

  /** Runs a condition. */
  #test(node: Node, input: string): Answer {
    this.#tested++;
    try {
      return this.#node(node, input);
    } finally {
      this.#tested--;
    }
  }

  /** Captures a node's output as a text of its own. */
  #captured(act: () => Answer): Answer {
    const before = this.#writes;
    this.#writes = "";
    try {
      const { status } = act();
      const text = this.#writes;
      this.#writes = before;
      return { text, status };
    } catch (error) {
      // Output is kept when a function or a loop is left early.
      this.#writes = before + this.#writes;
      throw error;
    }
  }

  #pipeline({ stages, inverted }: Node & { kind: "pipeline" }, input: string): Answer {
    let text = input;
    let given = input;
    let failed = 0;
    let last: Answer = OK;
    this.#checkQuestions(stages);
    stages.forEach((stage) => {
      given = text;
      last = this.#captured(() => (inverted ? this.#test(stage, text) : this.#node(stage, text)));
      text = last.text;
      if (last.status !== 0) failed = last.status;
    });
    const piped = this.#failsWithPipe ? failed : last.status;
    const status = inverted ? Number(piped === 0) : piped;
    if (status !== 0 && stages.length > 1) this.#refused = { program: this.#program, input: given };
    return this.#answer(text, status);
  }

  /** A query for an unknown counter or field of ss -i must not look as if its value were missing. */
  #checkQuestions([first, ...rest]: readonly Node[]): void {
    if (first?.kind !== "simple") return;
    const [name = "", ...args] = first.words.flatMap((word) => word.map((p) => (p.kind === "text" ? p.text : "")));
    const questions = rest.flatMap((stage) => (stage.kind === "simple" ? stage.words : [])).map(textIn);
    if (name === "nstat") this.#checkCounters(args, questions);
    const untold =
      name === "ss" ? questions.map((each) => UNTOLD.exec(each)?.[0]).find((each) => each !== undefined) : undefined;
    if (untold !== undefined) throw new NotUnderstood(`${untold} of ss`);
  }

  #checkCounters(args: readonly string[], questions: readonly string[]): void {
    const unknown = unknownCounter(args, questions, this.#host.counters() ?? {});
    if (unknown !== undefined) throw new NotUnderstood(`counter ${unknown}`);
  }

  #if({ branches, otherwise }: Node & { kind: "if" }, input: string): Answer {
    for (const { condition, body } of branches)
      if (this.#test(condition, input).status === 0) return this.#node(body, input);
    return otherwise ? this.#node(otherwise, input) : this.#answer("", 0);
  }

  #loop(node: Node & { kind: "while" | "for" }, input: string): Answer {
    let last: Answer = OK;
    const words = node.kind === "for" ? node.words.flatMap((word) => this.#expand.words(word)) : [];
    // Each `while read` takes one line of its input.
    const reader = { text: input };
    for (let n = 0; ; n++) {
      if (++this.#steps > STEPS_MAX) throw new NotUnderstood("a loop that does not end");
      if (node.kind === "for") {
        if (n >= words.length) return last;
        this.#expand.variables.set(node.name, words[n]!);
      } else if ((this.#condition(node.condition, reader).status === 0) === node.until) return last;
      try {
        last = this.#node(node.body, reader.text);
      } catch (error) {
        if (!(error instanceof Leave) || (error.kind !== "break" && error.kind !== "continue")) throw error;
        if (--error.amount > 0) throw error;
        if (error.kind === "break") return this.#answer("", 0);
      }
    }
  }

  #condition(node: Node, reader: { text: string }): Answer {
    if (node.kind !== "simple" || node.words.length === 0 || this.#expand.text(node.words[0]!) !== "read")
      return this.#test(node, reader.text);
    const names = node.words
      .slice(1)
      .flatMap((word) => this.#expand.words(word))
      .filter((name) => name !== "-r");
    const [line, ...rest] = linesOf(reader.text);
    if (line === undefined) return this.#answer("", 1);
    reader.text = rest.map((each) => `${each}\n`).join("");
    this.#read(names, line);
    return this.#answer("", 0);
  }

  #read(names: readonly string[], line: string): void {
    const fields = line.trim().split(/[ \t]+/);
    (names.length > 0 ? names : ["REPLY"]).forEach((name, i) => {
      const isLast = i === names.length - 1;
      this.#expand.variables.set(name, (isLast ? fields.slice(i).join(" ") : fields[i]) ?? "");
    });
  }

  #case({ word, branches }: Node & { kind: "case" }, input: string): Answer {
    const text = this.#expand.text(word);
    for (const { patterns, body } of branches)
      if (patterns.some((pattern) => globOf(pattern, (each) => this.#expand.text(each)).test(text)))
        return this.#node(body, input);
    return this.#answer("", 0);
  }

  #group({ body, isolated, redirections }: Node & { kind: "group" }, input: string): Answer {
    const given = this.#inputOf(redirections, input);
    const kept = new Map(this.#expand.variables);
    const answer = this.#captured(() => {
      try {
        return this.#node(body, given);
      } catch (error) {
        if (!isolated || !(error instanceof Leave) || error.kind !== "exit") throw error;
        return { text: "", status: error.amount };
      }
    });
    if (isolated) {
      this.#expand.variables.clear();
      for (const [name, value] of kept) this.#expand.variables.set(name, value);
    }
    return this.#written(answer, redirections);
  }

  #simple(node: Node & { kind: "simple" }, input: string): Answer {
    this.#expand.status = node.words.length === 0 ? 0 : this.#expand.status;
    const assigned = node.assignments.map(({ name, value }) => [name, this.#expand.text(value)] as const);
    const words = node.words.flatMap((word) => this.#expand.words(word));
    const before = assigned.map(([name]) => [name, this.#expand.variables.get(name)] as const);
    for (const [name, value] of assigned) this.#expand.variables.set(name, value);
    if (words.length === 0) return this.#written({ text: "", status: this.#expand.status }, node.redirections);
    const given = this.#inputOf(node.redirections, input);
    const answer = this.#captured(() => this.#command(words, given));
    this.#program = words.join(" ");
    this.#refused = undefined;
    for (const [name, value] of before) {
      if (value === undefined) this.#expand.variables.delete(name);
      else this.#expand.variables.set(name, value);
    }
    return this.#written(answer, node.redirections);
  }

  #command(words: readonly string[], input: string): Answer {
    const [name = "", ...args] = words;
    if (name === "nstat") this.#checkCounters(args, []);
    const own = this.#functions.get(name);
    if (own) return this.#call(own, args, input);
    const builtin = this.#builtin(name, args, input);
    if (builtin) return this.#answer(builtin.text, builtin.status);
    const answer = programOf(words, { host: this.#host, input, memory: this.#memory });
    if (!answer) throw new NotUnderstood(`command ${words.join(" ")}`);
    return this.#answer(answer.text, answer.status);
  }

  #call(body: Node, args: readonly string[], input: string): Answer {
    if (++this.#calls > CALLS_MAX) throw new NotUnderstood("a function that calls itself for ever");
    const before = this.#expand.parameters;
    this.#expand.parameters = args;
    try {
      return this.#node(body, input);
    } catch (error) {
      if (!(error instanceof Leave) || error.kind !== "return") throw error;
      return this.#answer("", error.amount);
    } finally {
      this.#expand.parameters = before;
      this.#calls--;
    }
  }

  /** Commands that change the shell itself. */
  #builtin(name: string, args: readonly string[], input: string): Answer | undefined {
    switch (name) {
      case "exit":
      case "return":
        throw new Leave(name, args.length > 0 ? Number(args[0]) : this.#expand.status);
      case "break":
      case "continue":
        throw new Leave(name, Number(args[0] ?? 1));
      case "export":
      case "local":
      case "declare":
      case "readonly":
      case "typeset":
        return this.#declare(args);
      case "unset":
        for (const each of args) this.#expand.variables.delete(each);
        return OK;
      case "set":
        return this.#set(args);
      case "shift":
        this.#expand.parameters = this.#expand.parameters.slice(Number(args[0] ?? 1));
        return OK;
      case "let":
        return { text: "", status: Number(args.map((each) => arithmetic(each, this.#expand.names)).at(-1) === 0n) };
      case "eval":
        return this.#node(parseShell(args.join(" ")), input);
      case "read":
        this.#read(
          args.filter((each) => each !== "-r"),
          linesOf(input)[0] ?? "",
        );
        return input === "" ? { text: "", status: 1 } : OK;
      case "trap":
      case "wait":
      case "umask":
      case "cd":
        return OK;
      default:
        return undefined;
    }
  }

  #declare(args: readonly string[]): Answer {
    for (const each of args.filter((arg) => !/^-\w+$/.test(arg))) {
      const equals = each.indexOf("=");
      if (equals > 0) this.#expand.variables.set(each.slice(0, equals), each.slice(equals + 1));
    }
    return OK;
  }

  #set(args: readonly string[]): Answer | undefined {
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      if (!/^[-+][euxo]+$/.test(arg)) return undefined;
      const on = arg.startsWith("-");
      if (arg.includes("e")) this.#exitsOnError = on;
      if (!arg.includes("o")) continue;
      if (args[++i] !== "pipefail") return undefined;
      this.#failsWithPipe = on;
    }
    return OK;
  }

  // ---- redirections

  #inputOf(redirections: readonly Redirection[], input: string): string {
    let text = input;
    for (const { operator, target } of redirections) {
      if (operator === "<<") text = this.#expand.text(target);
      else if (operator === "<<<") text = `${this.#expand.text(target)}\n`;
      else if (operator === "<") text = this.#fileText(this.#expand.text(target));
    }
    return text;
  }

  #fileText(path: string): string {
    if (path === "/dev/null") return "";
    const answer = programOf(["cat", path], { host: this.#host, input: "", memory: this.#memory });
    if (answer?.status !== 0) throw new NotUnderstood(`the file ${path}`);
    return answer.text;
  }

  /** Redirected output is removed from standard output; error output is discarded. */
  #written(answer: Answer, redirections: readonly Redirection[]): Answer {
    let { text } = answer;
    for (const { descriptor, operator, target } of redirections) {
      const name = this.#expand.text(target);
      if (operator === ">&" && descriptor === 1 && name === "2") text = "";
      if (descriptor === 2 || (operator !== ">" && operator !== ">>")) continue;
      writeFile(this.#host, name, text, operator === ">>");
      text = "";
    }
    return this.#answer(text, answer.status);
  }
}

/** The literal text of a word. */
function textIn(word: Word): string {
  return word.map((piece) => (piece.kind === "text" ? piece.text : "")).join("");
}

function firstLine(command: string): string {
  return command.trim().split("\n", 1)[0]!;
}

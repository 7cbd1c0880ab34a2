import { type Position, ScriptError, Unsupported } from "../language/ast.ts";
import { AssertionFailed, Interpreter } from "./interpreter.ts";
import { parsePython } from "./parser.ts";
import { NotUnderstood } from "./tokens.ts";
import { PythonError, text, type Value } from "./values.ts";

/** The values of names at the time of the block: tcpi_* and the like. */
export type Variables = Readonly<Record<string, number>>;

/**
 * Runs the code blocks of one script, in Python; variables persist from block to block. A feature that this interpreter does not have makes
 * the script unsupported, never pass.
 */
export class CodeBlocks {
  /** What the blocks printed. */
  readonly printed: string[] = [];
  readonly #names = new Map<string, Value>();

  /** @param symbol returns the value of a constant */
  constructor(readonly symbol: (name: string) => number | undefined) {}

  /** Runs one block. Returns undefined, or the message of the failed assertion. */
  run(code: string, variables: Variables, position: Position): string | undefined {
    const known = (name: string) => variables[name] ?? this.symbol(name);
    const interpreter = new Interpreter(
      this.#names,
      (name) => number(known(name)),
      (name) => variables[name] === undefined && this.symbol(name) !== undefined,
    );
    try {
      interpreter.run(parsePython(code));
    } catch (error) {
      return failure(error, code, position);
    } finally {
      this.printed.push(...interpreter.printed);
    }
    return undefined;
  }
}

function number(n: number | undefined): Value | undefined {
  return n === undefined || !Number.isInteger(n) ? n : BigInt(n);
}

function failure(error: unknown, code: string, position: Position): string {
  if (error instanceof AssertionFailed) {
    const names = [...error.seen].map(([name, value]) => `${name} = ${text(value)}`);
    const values = names.length > 0 ? ` (${names.join(", ")})` : "";
    return `${error.statement}${values}${error.said === undefined ? "" : `: ${error.said}`}`;
  }
  if (error instanceof PythonError) throw new ScriptError(position, `${error.message} in "${code.trim()}"`);
  if (!(error instanceof NotUnderstood)) throw error;
  throw new Unsupported(error.message.startsWith("variable ") ? error.message : `code: ${error.message}`, position);
}

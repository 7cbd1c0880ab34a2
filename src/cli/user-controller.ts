/** Congestion controllers of the user's own for `tcpnet sim --cc ./mine.ts`: modules whose default export is a `ControllerKind`. */
import { realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { registerController } from "#tcp/congestion/congestion";
import type { ControllerKind } from "#tcp/congestion/user-control";
import { CliError, usageError } from "./cli-error.ts";
import { EXIT_PERMISSION } from "./exit-codes.ts";
import { compiled } from "./program.ts";

const EXAMPLE = "see examples/delay-control.ts";
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Whether a name of `--cc` is a file. */
export function isModule(name: string): boolean {
  return /\/|\.[cm]?[jt]s$/.test(name);
}

/** Loads a module and makes its controller known; returns the controller's name. Throws CliError. */
export async function loadController(path: string): Promise<string> {
  if (compiled) {
    const why = "the compiled program runs no other code than its own, for the safety of root (docs/adr/0051)";
    throw usageError(`--cc ${path} needs the program from source`, why, `src/cli/tcpnet.sh sim --cc ${path}`);
  }
  const file = find(path);
  if (process.getuid?.() === 0) refuseUnsafe(path, file);
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    throw usageError(`--cc ${path} could not be loaded`, String(error));
  }
  const kind = loaded.default;
  if (!isKind(kind)) {
    const why = "its default export must be { name, create }, with a string and a function";
    throw usageError(`--cc ${path} is not a congestion control`, why, EXAMPLE);
  }
  try {
    registerController(kind);
  } catch (error) {
    throw usageError(`--cc ${path} cannot be used`, (error as Error).message);
  }
  return kind.name;
}

function find(path: string): string {
  let file: string;
  let stat: Stats;
  try {
    file = realpathSync(path);
    stat = statSync(file);
  } catch (error) {
    throw usageError(`--cc ${path} cannot be read`, (error as Error).message);
  }
  if (!stat.isFile()) throw usageError(`--cc ${path} is not a file`, "", EXAMPLE);
  return file;
}

/** As root, no code is run that somebody else could have written. */
function refuseUnsafe(path: string, file: string): void {
  for (let each = file; ; each = dirname(each)) {
    const { uid, mode } = statSync(each);
    const isOpen = (mode & WRITABLE_BY_OTHERS) !== 0 && (each === file || (mode & STICKY) === 0);
    if (uid !== 0 || isOpen) {
      const why = `others than root can change ${each}, and the file would run as root`;
      throw new CliError(
        EXIT_PERMISSION,
        `--cc ${path} is refused`,
        why,
        "run tcpnet sim without root: it needs no rights",
      );
    }
    if (each === dirname(each)) return;
  }
}

function isKind(value: unknown): value is ControllerKind {
  if (typeof value !== "object" || value === null) return false;
  const { name, create } = value as Partial<ControllerKind>;
  return typeof name === "string" && typeof create === "function";
}

import { EXIT_FAILURE, EXIT_NOT_READY, EXIT_PERMISSION, EXIT_USAGE } from "./exit-codes.ts";
import { asTyped } from "./program.ts";

/** A failure for people: what failed, why, and what to type. All errors are shown in this form. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly what: string;
  /** The reason; "" if `what` is enough. */
  readonly why: string;
  /** What to type or do next; "" if unknown. */
  readonly fix: string;
  readonly exitCode: number;

  constructor(exitCode: number, what: string, why = "", fix = "") {
    super(what);
    this.what = what;
    this.why = why;
    this.fix = fix;
    this.exitCode = exitCode;
  }
}

export function usageError(what: string, why = "", fix = ""): CliError {
  return new CliError(EXIT_USAGE, what, why, fix);
}

const PERMISSION = new Set(["EPERM", "EACCES"]);
const NOT_READY = new Set([
  "EBUSY",
  "ENOENT",
  "ENODEV",
  "ENXIO",
  "EADDRINUSE",
  "EINVAL",
  "EISDIR",
  "ELIBACC",
  "ENOTTY",
  "EROFS",
]);

/**
 * Converts any error. Errors of the layers below have their own texts (a system call with its hint, netup's
 * why and fix, a link's column); any other error is reported as a bug.
 */
export function inWords(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return new CliError(EXIT_FAILURE, String(error));
  type Known = "code" | "hint" | "why" | "fix" | "exitCode" | "path" | "syscall";
  const named = error as Error & Record<Known, unknown>;
  const code = typeof named.code === "string" ? named.code : "";
  switch (error.name) {
    case "CACError":
      return usageError(plain(error.message), "", asTyped("see: tcpnet --help"));
    case "NetupError":
      return new CliError(Number(named.exitCode), error.message, String(named.why), String(named.fix));
    case "LinkSyntaxError":
      return usageError("the link cannot be understood", error.message, 'for example --link "delay 20ms loss 1%"');
    case "SystemError": {
      const hint = String(named.hint);
      const what = hint === "" ? error.message : error.message.slice(0, -hint.length).replace(/\. $/, "");
      const exit = PERMISSION.has(code) ? EXIT_PERMISSION : NOT_READY.has(code) ? EXIT_NOT_READY : EXIT_FAILURE;
      return new CliError(exit, what, "", asTyped(hint));
    }
    case "OutputError":
      return new CliError(PERMISSION.has(code) ? EXIT_PERMISSION : EXIT_FAILURE, error.message);
    case "CallError":
      return usageError(error.message);
  }
  if (code !== "") return fileError(named.path, code, error.message, useOf(named.syscall));
  return new CliError(EXIT_FAILURE, `this is a bug in tcpnet: ${error.message}`, error.stack ?? "", "please report it");
}

/** The operation on a file that failed. */
export type FileUse = "open" | "read" | "write";

function useOf(call: unknown): FileUse {
  return call === "read" || call === "write" ? call : "open";
}

const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "you have no permission to open it",
  EISDIR: "it is a directory",
  ENOTDIR: "part of its path is not a directory",
  ENOSPC: "the disk is full",
  EDQUOT: "your disk quota is used up",
  EFBIG: "the file has reached the size limit",
  EROFS: "the file system is read-only",
  EIO: "the disk reported an error",
  EMFILE: "too many open files: raise the limit with ulimit -n",
  ENFILE: "the system has too many open files",
};

/** The error for an operation on a file that the system refused. */
export function fileError(path: unknown, code: string, message: string, use: FileUse = "open"): CliError {
  const missing = code === "ENOENT" && use === "write" ? "its folder does not exist" : undefined;
  const words = missing ?? FILE_WORDS[code] ?? message;
  const exit = PERMISSION.has(code) ? EXIT_PERMISSION : EXIT_FAILURE;
  if (typeof path !== "string") return new CliError(exit, message, words === message ? "" : words);
  return new CliError(exit, `cannot ${use} ${path}`, words === message ? message : `${words} (${code})`);
}

/** Adapts cac's messages to ours: no backticks, no capital at the beginning. */
function plain(message: string): string {
  const text = message.replaceAll("`", "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}

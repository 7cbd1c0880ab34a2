import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { handover } from "./handover.ts";
import { DEMO_INSIDE } from "./isolation.ts";

/** Whether this is the compiled program, and not a script under Bun. */
export const compiled: boolean = import.meta.path.startsWith("/$bunfs/");

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The program's name in commands to type. */
export const programName: string = calledAs(compiled ? process.execPath : here("./tcpnet.sh"));

function calledAs(path: string): string {
  if ((process.env.PATH ?? "").split(":").some((folder) => path === `${folder}/${basename(path)}`))
    return basename(path);
  const folder = `${process.cwd()}/`;
  return path.startsWith(folder) ? `./${path.slice(folder.length)}` : path;
}

/** A command to type, with the program's name as it is here: "sudo tcpnet netup" may become "sudo ./tcpnet netup". */
export function asTyped(line: string): string {
  return line.replace(/(^|[ (])tcpnet /, `$1${programName} `);
}

/** A root user without sudo needs no sudo, and may not have it. */
const needsNoSudo =
  (process.geteuid?.() === 0 || handover.isReceived) &&
  process.env.SUDO_USER === undefined &&
  process.env[DEMO_INSIDE]?.includes("--user") !== true;

/** Adapts a command to the user: without `sudo` for root. */
export function forUser(text: string, root: boolean = needsNoSudo): string {
  return root ? text.replaceAll(/\bsudo (?=[\w./-])/g, "") : text;
}

/** As in tcpnet.sh: makes Bun ignore settings and code in the current directory. */
const SOURCE_FLAGS = ["--config=/dev/null", "--no-env-file", "--no-install", "--tsconfig-override=/dev/null"];

/** The command that starts this program again with other arguments. */
export function selfCommand(args: readonly string[]): string[] {
  return compiled ? [process.execPath, ...args] : [process.execPath, ...SOURCE_FLAGS, here("./main.ts"), ...args];
}

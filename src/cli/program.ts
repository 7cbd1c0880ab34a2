import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { handover } from "./handover.ts";
import { DEMO_INSIDE } from "./isolation.ts";

/** Whether this runs as the compiled file, and not as a script under Bun. */
export const compiled: boolean = import.meta.path.startsWith("/$bunfs/");

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** How the program is called in the lines that we tell people to type. */
export const programName: string = calledAs(compiled ? process.execPath : here("./tcpnet.sh"));

function calledAs(path: string): string {
  if ((process.env.PATH ?? "").split(":").some((folder) => path === `${folder}/${basename(path)}`))
    return basename(path);
  const folder = `${process.cwd()}/`;
  return path.startsWith(folder) ? `./${path.slice(folder.length)}` : path;
}

/** A line for people to type, with the program called as it is here: "sudo tcpnet netup" may be "sudo ./tcpnet netup". */
export function asTyped(line: string): string {
  return line.replace(/(^| )tcpnet /, `$1${programName} `);
}

/** Whoever is root by himself needs no sudo, and may have none. */
const needsNoSudo =
  (process.geteuid?.() === 0 || handover.isReceived) &&
  process.env.SUDO_USER === undefined &&
  process.env[DEMO_INSIDE]?.includes("--user") !== true;

/** What to type, as whoever reads it would. */
export function forUser(text: string, root: boolean = needsNoSudo): string {
  return root ? text.replaceAll(/\bsudo (?=[\w./-])/g, "") : text;
}

/** As in tcpnet.sh: Bun takes no settings and no code from the current directory. */
const SOURCE_FLAGS = ["--config=/dev/null", "--no-env-file", "--no-install", "--tsconfig-override=/dev/null"];

/** The command that starts this very program again with other arguments. */
export function selfCommand(args: readonly string[]): string[] {
  return compiled ? [process.execPath, ...args] : [process.execPath, ...SOURCE_FLAGS, here("./main.ts"), ...args];
}

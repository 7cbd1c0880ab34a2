import { basename } from "node:path";

/** Whether this runs as the compiled file, and not as a script under Bun. */
export const compiled: boolean = import.meta.path.startsWith("/$bunfs/");

/** How the program is called in the lines that we tell people to type. */
export const programName: string = compiled ? calledAs(process.execPath) : "bun src/cli/main.ts";

function calledAs(path: string): string {
  if ((process.env.PATH ?? "").split(":").some((folder) => path === `${folder}/${basename(path)}`))
    return basename(path);
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? `./${path.slice(here.length)}` : path;
}

/** A line for people to type, with the program called as it is here: "sudo tcpnet netup" may be "sudo ./tcpnet netup". */
export function asTyped(line: string): string {
  return line.replace(/(^| )tcpnet /, `$1${programName} `);
}

/** Set for the demo inside of its private network: how it was had. There anybody may look like root. */
export const DEMO_INSIDE = "TCPNET_DEMO_INSIDE";

/** Whoever is root by himself needs no sudo, and may have none. */
const needsNoSudo =
  process.geteuid?.() === 0 &&
  process.env.SUDO_USER === undefined &&
  process.env[DEMO_INSIDE]?.includes("--user") !== true;

/** What to type, as whoever reads it would. */
export function forUser(text: string, root: boolean = needsNoSudo): string {
  return root ? text.replaceAll(/\bsudo (?=[\w./-])/g, "") : text;
}

/** The command that starts this very program again with other arguments. */
export function selfCommand(args: readonly string[]): string[] {
  return compiled
    ? [process.execPath, ...args]
    : [process.execPath, new URL("./main.ts", import.meta.url).pathname, ...args];
}

import { readFileSync } from "node:fs";
import { drill } from "#drill/drill";
import type { Profile } from "#drill/engine";
import { scripts } from "#drill/main";
import type { Reported } from "#drill/report";
import { StackEngine } from "#drill/stack-engine";

/** The scripts of this folder, each with the text it has. */
export const OWN: readonly { readonly path: string; readonly source: string }[] = scripts(import.meta.dir).map(
  (path) => ({ path, source: readFileSync(path, "utf8") }),
);

/** Folders named after a profile are written for it, the others for Linux. */
export function profileOf(path: string): Profile {
  return path.includes("/freebsd/") ? "freebsd" : path.includes("/rfc793/") ? "rfc793" : "linux";
}

/** Runs a text as the script of that path, strictly: no packet goes unread. */
export function runOwn(path: string, source: string): Reported {
  return drill(source, path, {
    profile: profileOf(path),
    defines: new Map(),
    options: new Map(),
    strict: true,
    seed: 1,
    newEngine: (setup) => new StackEngine(setup),
  });
}

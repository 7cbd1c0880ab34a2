import { readFileSync } from "node:fs";
import { drill } from "#lab/drill/drill";
import { readScript } from "#lab/drill/interpreter/config";
import { optionsAbove } from "#lab/drill/language/script-files";
import { scripts } from "#lab/drill/main";
import type { Profile } from "#lab/drill/posix/target";
import type { Reported } from "#lab/drill/report";
import { StackTarget } from "#lab/drill/targets/stack/target";

/** The scripts of this folder, each with the text it has. */
export const OWN: readonly { readonly path: string; readonly source: string }[] = scripts(import.meta.dir).map(
  (path) => ({ path, source: readFileSync(path, "utf8") }),
);

/** What the script or its folder says it is written for. */
export function profileOf(path: string): Profile {
  const source = OWN.find((each) => each.path === path)?.source ?? "";
  const nothing = new Map<string, string>();
  return readScript(source, path, {
    profile: undefined,
    defines: nothing,
    options: nothing,
    folders: optionsAbove(path),
  }).profile;
}

/** Runs a text as the script of that path, strictly: no packet goes unread. */
export function runOwn(path: string, source: string): Reported {
  return drill(source, path, {
    profile: undefined,
    defines: new Map(),
    options: new Map(),
    strict: true,
    seed: 1,
    newTarget: (setup) => new StackTarget(setup),
  });
}

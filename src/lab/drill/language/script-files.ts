import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Reads a file that a script opens: a regular file, relative to the script's folder. */
export type ReadFile = (path: string) => Uint8Array | undefined;

const SIZE_MAX = 64 << 20;

export function filesBeside(script: string): ReadFile {
  return (path) => {
    const full = resolve(dirname(script), path);
    const found = statSync(full, { throwIfNoEntry: false });
    return found?.isFile() && found.size <= SIZE_MAX ? readFileSync(full) : undefined;
  };
}

/** The name of a file with options for all scripts in its folder and in the folders below. */
export const OPTIONS_FILE = "drill.options";
const OPTIONS_MAX = 64 << 10;

export interface OptionsFile {
  readonly file: string;
  readonly source: string;
}

/** The option files that apply to a script, from the outermost folder to its own. */
export function optionsAbove(script: string): OptionsFile[] {
  const found: OptionsFile[] = [];
  for (
    let folder = dirname(resolve(script)), before = "";
    folder !== before;
    before = folder, folder = dirname(folder)
  ) {
    const file = join(folder, OPTIONS_FILE);
    const entry = statSync(file, { throwIfNoEntry: false });
    if (entry?.isFile() && entry.size <= OPTIONS_MAX) found.unshift({ file, source: readFileSync(file, "utf8") });
  }
  return found;
}

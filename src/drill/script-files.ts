import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** What a script may `open` for reading: a regular file under that name, seen from the script's own folder. */
export type ReadFile = (path: string) => Uint8Array | undefined;

const SIZE_MAX = 64 << 20;

export function filesBeside(script: string): ReadFile {
  return (path) => {
    const full = resolve(dirname(script), path);
    const found = statSync(full, { throwIfNoEntry: false });
    return found?.isFile() && found.size <= SIZE_MAX ? readFileSync(full) : undefined;
  };
}

import { lstatSync } from "node:fs";

const KINDS = { file: "isFile", folder: "isDirectory", socket: "isSocket" } as const;

/** Bits of a mode with which others than the owner may write. */
const OTHERS_WRITE = 0o022;

/**
 * Checks that only `owner` (a user id) can have made and changed the file at a path. Returns the reason why somebody else may have, or "".
 * Does not check the folders above. Throws as `lstat` does, for example ENOENT.
 */
export function distrust(path: string, kind: keyof typeof KINDS, owner: number): string {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return `${path} is a symbolic link`;
  if (!found[KINDS[kind]]()) return `${path} is not a ${kind}`;
  if (found.uid !== owner) return `${path} belongs to user ${found.uid}`;
  // The permissions of a socket say who may connect to it, not who made it.
  if (kind === "socket" || (found.mode & OTHERS_WRITE) === 0) return "";
  return `others may write to ${path} (mode ${(found.mode & 0o777).toString(8)})`;
}

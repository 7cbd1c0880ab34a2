import { lstatSync } from "node:fs";

const KINDS = { file: "isFile", folder: "isDirectory", socket: "isSocket" } as const;

/** Bits of a mode with which others than the owner may write. */
const OTHERS_WRITE = 0o022;

/**
 * Why what lies at a path may be the work of somebody else than `owner` (a user id), in words; "" where only the owner can
 * have made and changed it. Says nothing of the folders above. Throws as `lstat` does, ENOENT for example.
 */
export function distrust(path: string, kind: keyof typeof KINDS, owner: number): string {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return `${path} is a symbolic link`;
  if (!found[KINDS[kind]]()) return `${path} is not a ${kind}`;
  if (found.uid !== owner) return `${path} belongs to user ${found.uid}`;
  // Whoever may connect to a socket is not its author.
  if (kind === "socket" || (found.mode & OTHERS_WRITE) === 0) return "";
  return `others may write to ${path} (mode ${(found.mode & 0o777).toString(8)})`;
}

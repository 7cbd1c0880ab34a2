/** Users and groups from /etc/passwd and /etc/group, and the caller of sudo. */
import { readFileSync } from "node:fs";
import type { Ids } from "#ffi/privileges";
import { usageError } from "./cli-error.ts";

export interface Account extends Ids {
  readonly name: string;
}

/** 4294967295 is -1, which means "do not change" in system calls. */
const ID_MAX = 0xffff_fffe;
/** If /etc/passwd has no nobody: the id that the kernel shows for unmapped users. */
const NOBODY: Account = { name: "nobody", uid: 65_534, gid: 65_534, groups: [] };

/** The contents of both files. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** A missing file counts as empty. */
export function accountFiles(): AccountFiles {
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

/** Parses a user or group id, digits only; undefined if it is not one. */
export function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,9})$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** The user with that name and all groups that list it; undefined if there is none. */
export function accountNamed(name: string, files: AccountFiles): Account | undefined {
  return find(files, (fields) => fields[0] === name);
}

/** The user with that id. */
export function accountOf(uid: number, files: AccountFiles): Account | undefined {
  return find(files, (fields) => idOf(fields[2]) === uid);
}

function find({ passwd, group }: AccountFiles, wanted: (fields: string[]) => boolean): Account | undefined {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":");
    const [name, , uid, gid] = [fields[0], fields[1], idOf(fields[2]), idOf(fields[3])];
    if (name === undefined || name === "" || uid === undefined || gid === undefined || !wanted(fields)) continue;
    return { name, uid, gid, groups: [...new Set([gid, ...groupsWith(name, group)])] };
  }
  return undefined;
}

function groupsWith(name: string, text: string): number[] {
  return text.split("\n").flatMap((line) => {
    const [, , gid, members = ""] = line.split(":");
    const id = idOf(gid);
    return id !== undefined && members.split(",").includes(name) ? [id] : [];
  });
}

/** The unprivileged user. Without groups, since others may have files of those groups. */
export function nobody(files: AccountFiles): Account {
  const { name, uid, gid } = accountNamed("nobody", files) ?? NOBODY;
  return { name, uid, gid, groups: [] };
}

/** The user of --user: a name, or an id, which need not be in /etc/passwd. Throws CliError. */
export function accountFor(text: string, files: AccountFiles): Account {
  const uid = idOf(text);
  const account = accountNamed(text, files) ?? (uid === undefined ? undefined : accountOf(uid, files));
  if (account !== undefined) return account;
  if (uid === undefined) throw usageError(`there is no user ${text}`, "/etc/passwd has no such name", "see: id");
  return { name: `user ${uid}`, uid, gid: nobody(files).gid, groups: [] };
}

/**
 * The caller of sudo; null if there is none, or if it is root. sudo sets it in the environment, which anybody may have changed.
 * An invalid id is refused and not ignored, since without a caller files would be opened as root. Throws CliError.
 */
export function callerOf(env: Readonly<Record<string, string | undefined>>, files: AccountFiles): Account | null {
  const { SUDO_UID, SUDO_GID } = env;
  if (SUDO_UID === undefined) return null;
  const uid = idOf(SUDO_UID);
  if (uid === undefined) throw notAnId("SUDO_UID", SUDO_UID, "user");
  if (uid === 0) return null;
  const gid = idOf(SUDO_GID);
  if (gid === undefined && SUDO_GID !== undefined) throw notAnId("SUDO_GID", SUDO_GID, "group");
  const account = accountOf(uid, files);
  // Ignore a group that the user is not in.
  if (account !== undefined) return gid !== undefined && account.groups.includes(gid) ? { ...account, gid } : account;
  // Users of a directory service are not in the file. Root's group is refused for them.
  if (gid === undefined || gid === 0) throw notAnId("SUDO_GID", `${SUDO_GID ?? "(not set)"}`, "group");
  return { name: `user ${uid}`, uid, gid, groups: [gid] };
}

/** The same for this process. */
export function ownCaller(files: AccountFiles): Account | null {
  return callerOf(process.env, files);
}

function notAnId(name: string, value: string, kind: string): Error {
  return usageError(
    `${name}=${value} is not the id of a ${kind}`,
    "sudo sets it to its caller, and files are opened with that user's permissions",
    "call tcpnet by sudo, or as root without SUDO_UID and SUDO_GID",
  );
}

/**
 * Whether a user namespace has an id. @param map the text of /proc/self/uid_map or gid_map: lines of first id inside, first id
 * outside, how many
 */
export function maps(map: string, id: number): boolean {
  return map.split("\n").some((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return first !== undefined && count !== undefined && id >= first && id < first + count;
  });
}

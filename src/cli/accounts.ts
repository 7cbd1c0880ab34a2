/** Users and groups as /etc/passwd and /etc/group have them, and who called sudo. */
import { readFileSync } from "node:fs";
import type { Ids } from "#ffi/privileges";
import { usageError } from "./cli-error.ts";

export interface Account extends Ids {
  readonly name: string;
}

/** 4294967295 is -1, "leave it as it is", to every call that takes an id. */
const ID_MAX = 0xffff_fffe;
/** Where there is no user of that name: the id that the kernel itself shows for users that it cannot show. */
const NOBODY: Account = { name: "nobody", uid: 65_534, gid: 65_534, groups: [] };

/** The texts of both files. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** A file that is not there names nobody. */
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

/** A user or group id, written with digits alone; undefined if it is none. */
export function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,9})$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** The user of that name, with all groups that list it; undefined if there is none. */
export function accountNamed(name: string, files: AccountFiles): Account | undefined {
  return find(files, (fields) => fields[0] === name);
}

/** The user of that number. */
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

/** The user without rights. No groups: others have files there. */
export function nobody(files: AccountFiles): Account {
  const { name, uid, gid } = accountNamed("nobody", files) ?? NOBODY;
  return { name, uid, gid, groups: [] };
}

/** A user as --user names one: by name, or by number, which need not be in /etc/passwd: then without a group. Throws CliError. */
export function accountFor(text: string, files: AccountFiles): Account {
  const uid = idOf(text);
  const account = accountNamed(text, files) ?? (uid === undefined ? undefined : accountOf(uid, files));
  if (account !== undefined) return account;
  if (uid === undefined) throw usageError(`there is no user ${text}`, "/etc/passwd has none of that name", "see: id");
  return { name: `user ${uid}`, uid, gid: nobody(files).gid, groups: [] };
}

/**
 * Who called sudo, null where nobody did, or root himself. sudo tells it in the environment, which anybody may have written:
 * what is no user id is refused rather than passed over, since without a caller files would be opened as root. Throws CliError.
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
  // A group that the user is not in counts for nothing.
  if (account !== undefined) return gid !== undefined && account.groups.includes(gid) ? { ...account, gid } : account;
  // Users of a directory service are not in the file. Root's group is none of theirs.
  if (gid === undefined || gid === 0) throw notAnId("SUDO_GID", `${SUDO_GID ?? "(not set)"}`, "group");
  return { name: `user ${uid}`, uid, gid, groups: [gid] };
}

/** The same for this very program. */
export function ownCaller(files: AccountFiles): Account | null {
  return callerOf(process.env, files);
}

function notAnId(name: string, value: string, kind: string): Error {
  return usageError(
    `${name}=${value} is not the id of a ${kind}`,
    "sudo sets it to say who called, and files are opened with the rights of that user",
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

import { ptr } from "./bun-ffi.ts";
import { libraryOf, resultOf } from "./libc.ts";
import { check } from "./system-error.ts";

/**
 * The user of this process, and its privileges (credentials(7), capabilities(7)).
 *
 * The C library sets ids for the whole process, on every thread. The kernel keeps capabilities and no_new_privs per thread, and these
 * calls change the calling thread alone. `execve` makes that thread the only one, so a process that drops them and then executes itself
 * has dropped them everywhere.
 */

const libc = libraryOf({
  setgroups: { args: ["u64", "ptr"], returns: "i32" },
  getgroups: { args: ["i32", "ptr"], returns: "i32" },
  setresgid: { args: ["u32", "u32", "u32"], returns: "i32" },
  setresuid: { args: ["u32", "u32", "u32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  capset: { args: ["ptr", "ptr"], returns: "i32" },
  eaccess: { args: ["ptr", "i32"], returns: "i32" },
} as const);

/** A user's ids, as the kernel has them. */
export interface Ids {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** Leaves an id unchanged. */
const UNCHANGED = 0xffff_ffff;
const GROUPS_MAX = 65_536;

export function supplementaryGroups(): number[] {
  const groups = new Uint32Array(GROUPS_MAX);
  const n = check(resultOf(libc().getgroups(GROUPS_MAX, groups)), "getgroups", "this process");
  return [...groups.subarray(0, n)];
}

function setGroups(groups: readonly number[]): void {
  // An empty array has no address.
  const list = groups.length === 0 ? null : Uint32Array.from(groups);
  check(resultOf(libc().setgroups(BigInt(groups.length), list)), "setgroups", "this process");
}

function setGid(real: number, effective: number): void {
  check(resultOf(libc().setresgid(real, effective, real)), "setresgid", `group ${effective}`);
}

function setUid(real: number, effective: number): void {
  check(resultOf(libc().setresuid(real, effective, real)), "setresuid", `user ${effective}`);
}

/** Becomes that user permanently, on every thread. When called by root, each thread also loses its capabilities. Throws SystemError. */
export function become({ uid, gid, groups }: Ids): void {
  setGroups(groups);
  setGid(gid, gid);
  setUid(uid, uid);
}

/**
 * Calls `work` with the privileges of that user, and is root again afterwards. The work must be synchronous, because all threads act as
 * that user meanwhile. Throws SystemError if root may not become that user.
 */
export function actAs<T>({ uid, gid, groups }: Ids, work: () => T): T {
  const before = { groups: supplementaryGroups(), gid: process.getegid!(), uid: process.geteuid!() };
  try {
    setGroups(groups);
    setGid(UNCHANGED, gid);
    setUid(UNCHANGED, uid);
    return work();
  } finally {
    setUid(UNCHANGED, before.uid);
    setGid(UNCHANGED, before.gid);
    setGroups(before.groups);
  }
}

const X_OK = 1;
const R_OK = 4;

/** Whether this process, as its effective user, may read or execute a file. */
export function mayRead(path: string): boolean {
  return resultOf(libc().eaccess(new TextEncoder().encode(`${path}\0`), R_OK)) === 0;
}

export function mayExecute(path: string): boolean {
  return resultOf(libc().eaccess(new TextEncoder().encode(`${path}\0`), X_OK)) === 0;
}

const PR_SET_DUMPABLE = 4;
const PR_SET_NAME = 15;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** May read any file and search any folder. */
export const CAP_DAC_READ_SEARCH = 2;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
/** More capabilities than any kernel has; the kernel refuses the first number that it does not know. */
const CAPABILITIES_MAX = 64;

function prctl(option: number, argument: number, words: string): void {
  check(resultOf(libc().prctl(option, BigInt(argument), 0n, 0n, 0n)), words, "this thread");
}

/** This thread, and every program it executes, can no longer gain privileges by execve: setuid bits and file capabilities are ignored. */
export function setNoNewPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS");
}

/**
 * This thread can never gain capabilities again, except those in `keep`. This needs CAP_SETPCAP, which a container's root may lack;
 * no_new_privs then has the same effect, so that is not an error.
 */
export function dropBoundingSet(keep: readonly number[] = []): void {
  for (let capability = 0; capability < CAPABILITIES_MAX; capability++) {
    if (keep.includes(capability)) continue;
    if (resultOf(libc().prctl(PR_CAPBSET_DROP, BigInt(capability), 0n, 0n, 0n)) < 0) return;
  }
}

/** Programs that this thread executes inherit no capabilities. */
export function clearAmbientSet(): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL");
}

const CAPABILITY_VERSION_3 = 0x2008_0522;

/** Drops all capabilities of this thread: effective, permitted and inheritable. */
export function dropCapabilities(): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  check(resultOf(libc().capset(header, new Uint32Array(6))), "capset", "this thread");
}

/** No other process, not even one of the same user, may trace this process or open its descriptors. */
export function refuseTracing(): void {
  prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE");
}

/** Sets the name that `ps` and /proc show for this thread; the first thread's name is the program's. */
export function setName(name: string): void {
  const bytes = new TextEncoder().encode(`${name}\0`);
  check(resultOf(libc().prctl(PR_SET_NAME, BigInt(ptr(bytes)), 0n, 0n, 0n)), "PR_SET_NAME", name);
}

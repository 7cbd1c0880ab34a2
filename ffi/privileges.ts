import { ptr } from "bun:ffi";
import { libraryOf, resultOf } from "./libc.ts";
import { check } from "./system-error.ts";

/**
 * Who this process is, and what it may do (credentials(7), capabilities(7)).
 *
 * Ids are a matter of the whole process: the C library sets them on every thread. Capabilities and no_new_privs are not: the
 * kernel has them per thread, and these calls reach the calling thread alone. `execve` makes that thread the only one, so a
 * process that gives them up and then executes itself has given them up everywhere.
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

/** A user as the kernel knows one. */
export interface Ids {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** Leaves an id as it is. */
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

/** Becomes that user for good, on every thread. From root, that also ends each thread's capabilities. Throws SystemError. */
export function become({ uid, gid, groups }: Ids): void {
  setGroups(groups);
  setGid(gid, gid);
  setUid(uid, uid);
}

/**
 * Does what must be done with the rights of that user, and is root again afterwards. The work must be synchronous: all
 * threads are that user meanwhile. Throws SystemError where root may not become that user.
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

/** Whether this process, as the user that it acts as, may read a file, or execute it. */
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

/** Read any file, search any folder. */
export const CAP_DAC_READ_SEARCH = 2;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
/** More than any kernel has; it refuses the first number that it does not know. */
const CAPABILITIES_MAX = 64;

function prctl(option: number, argument: number, words: string): void {
  check(resultOf(libc().prctl(option, BigInt(argument), 0n, 0n, 0n)), words, "this thread");
}

/** This thread, and whatever it executes, never gains privileges by execve: setuid bits and file capabilities are ignored. */
export function setNoNewPrivileges(): void {
  prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS");
}

/**
 * This thread may not gain these capabilities again, but those to keep. Dropping them takes CAP_SETPCAP, which a container's
 * root may lack; no_new_privs has the same effect then, so that is no error.
 */
export function dropBoundingSet(keep: readonly number[] = []): void {
  for (let capability = 0; capability < CAPABILITIES_MAX; capability++) {
    if (keep.includes(capability)) continue;
    if (resultOf(libc().prctl(PR_CAPBSET_DROP, BigInt(capability), 0n, 0n, 0n)) < 0) return;
  }
}

/** Nothing is handed on to whatever this thread executes. */
export function clearAmbientSet(): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL");
}

const CAPABILITY_VERSION_3 = 0x2008_0522;

/** This thread has no capabilities any more: none effective, permitted or inheritable. */
export function dropCapabilities(): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  check(resultOf(libc().capset(header, new Uint32Array(6))), "capset", "this thread");
}

/** Nobody else, not even another program of the same user, may trace this process or open its descriptors. */
export function refuseTracing(): void {
  prctl(PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE");
}

/** The name that `ps` and /proc show for this thread; that of the first thread is the program's. */
export function setName(name: string): void {
  const bytes = new TextEncoder().encode(`${name}\0`);
  check(resultOf(libc().prctl(PR_SET_NAME, BigInt(ptr(bytes)), 0n, 0n, 0n)), "PR_SET_NAME", name);
}

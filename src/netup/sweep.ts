import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { isAbandoned } from "#ffi/unix-socket";
import { DRAFT, inodeOf, RUN_FOLDER } from "./run-folder.ts";

/** The initial PID namespace. Only there are all processes visible. */
const FIRST_PIDS = "pid:[4026531836]";

/**
 * Removes stale files from our folder: drafts of a killed netup, sockets of links whose program has ended, states of network
 * namespaces that no longer exist. Returns their paths. The caller holds the lock, so nobody is writing a draft.
 */
export function sweep(): string[] {
  const names = list(RUN_FOLDER);
  const states = names.filter((name) => /^state-\d+\.json$/.test(name));
  const alive = states.length > 0 ? networks() : null;
  const dead = names.filter((name) => {
    if (name.endsWith(DRAFT)) return true;
    if (/^link-.*\.sock$/.test(name)) return isDead(`${RUN_FOLDER}/${name}`);
    return alive !== null && states.includes(name) && !alive.has(/\d+/.exec(name)![0]);
  });
  const paths = dead.map((name) => `${RUN_FOLDER}/${name}`);
  for (const path of paths) rmSync(path, { force: true });
  return paths;
}

/** A young socket may belong to a program that has not yet called listen. */
const YOUNG_MS = 2_000;

function isDead(socket: string): boolean {
  const made = attempt(() => lstatSync(socket).mtimeMs, Number.POSITIVE_INFINITY);
  return Date.now() - made > YOUNG_MS && isAbandoned(socket);
}

/** Inodes of the network namespaces held by a process, a mount or a descriptor; null if not all processes are visible. */
function networks(): Set<string> | null {
  if (link("/proc/self/ns/pid") !== FIRST_PIDS) return null;
  const found = new Set<string>();
  const mounts = new Set<string>();
  const add = (name: string) => {
    const inode = inodeOf(name);
    if (inode !== undefined) found.add(inode);
  };
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    // Each thread may be in another namespace.
    for (const thread of list(`/proc/${pid}/task`)) add(link(`/proc/${pid}/task/${thread}/ns/net`));
    for (const fd of list(`/proc/${pid}/fd`)) add(link(`/proc/${pid}/fd/${fd}`));
    const mount = link(`/proc/${pid}/ns/mnt`);
    if (mounts.has(mount)) continue;
    mounts.add(mount);
    for (const [name] of text(`/proc/${pid}/mountinfo`).matchAll(/net:\[\d+\]/g)) add(name);
  }
  return found;
}

const list = (path: string): string[] => attempt(() => readdirSync(path), []);
const link = (path: string): string => attempt(() => readlinkSync(path), "");
const text = (path: string): string => attempt(() => readFileSync(path, "utf8"), "");

/** Processes may end during the search: a failing read gives `otherwise`. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

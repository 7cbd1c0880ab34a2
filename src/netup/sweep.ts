import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { isAbandoned } from "#ffi/unix-socket";
import { DRAFT, inodeOf, RUN_FOLDER } from "./run-folder.ts";

/** The first process namespace: only there all processes are seen. */
const FIRST_PIDS = "pid:[4026531836]";

/**
 * Removes from our folder what nobody needs: drafts of a netup that was killed, sockets of links whose program has ended, states of
 * network namespaces that are gone. Answers their paths. The caller holds the lock, so no draft is being written.
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

/** A socket is made first and listened at a moment later. */
const YOUNG_MS = 2_000;

function isDead(socket: string): boolean {
  const made = attempt(() => lstatSync(socket).mtimeMs, Number.POSITIVE_INFINITY);
  return Date.now() - made > YOUNG_MS && isAbandoned(socket);
}

/** Inodes of the network namespaces that a process, a mount or a descriptor holds; null where not all processes are seen. */
function networks(): Set<string> | null {
  if (link("/proc/self/ns/pid") !== FIRST_PIDS) return null;
  const found = new Set<string>();
  const mounts = new Set<string>();
  const add = (name: string) => {
    const inode = inodeOf(name);
    if (inode !== undefined) found.add(inode);
  };
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    // Each thread has a namespace of its own, if it wants to.
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

/** A process may end while it is looked at. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

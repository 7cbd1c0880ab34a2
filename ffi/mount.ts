import { cstring, libraryOf, resultOf } from "./libc.ts";

/** Mounts in this process's mount namespace. Each returns 0 or the negated error number. */

const libc = libraryOf({
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
} as const);

const MS_BIND = 4096n;
const MS_NOSUID = 2n;
const MS_NODEV = 4n;
const MS_NOEXEC = 8n;
const MNT_DETACH = 2;

/** Shows `source` at `target`, which must exist. */
export function bindMount(source: string, target: string): number {
  return resultOf(libc().mount(cstring(source), cstring(target), null, MS_BIND, null));
}

/** A /proc of this process's PID namespace. */
export function mountProc(): number {
  return resultOf(
    libc().mount(cstring("proc"), cstring("/proc"), cstring("proc"), MS_NOSUID | MS_NODEV | MS_NOEXEC, null),
  );
}

/** An empty folder in memory at `target`, which must exist. */
export function mountMemory(target: string): number {
  return resultOf(libc().mount(cstring("tmpfs"), cstring(target), cstring("tmpfs"), MS_NOSUID | MS_NODEV, null));
}

/** What is mounted elsewhere of it stays. */
export function unmount(target: string): number {
  return resultOf(libc().umount2(cstring(target), MNT_DETACH));
}

/** The paths of the links' sockets: one per device and network namespace, in a folder that only the link's user may write to. */
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { networkInode } from "#ffi/namespace";
import { distrust } from "#ffi/trust";
import { isAbandoned } from "#ffi/unix-socket";

/** The folder of root's sockets. */
export const ROOT_FOLDER = "/run/tcpnet";

const USERS_FOLDERS = "/run/user";
const TEMPORARY = "/tmp";

const ROOT = 0;

type Environment = Readonly<Record<string, string | undefined>>;

/** Folders for a user's sockets, the best first. Nobody else may have made them or may write to them. */
function foldersOf(user: number, env: Environment): string[] {
  if (user === ROOT) return [ROOT_FOLDER];
  const runtime = [env.XDG_RUNTIME_DIR ?? "", `${USERS_FOLDERS}/${user}`].filter((folder) => isTrusted(folder, user));
  return [...new Set(runtime.map((folder) => `${folder}/tcpnet`)), `${TEMPORARY}/tcpnet-${user}`];
}

function isTrusted(folder: string, user: number): boolean {
  try {
    return folder.startsWith("/") && distrust(folder, "folder", user) === "";
  } catch {
    return false;
  }
}

const me = () => process.geteuid?.() ?? ROOT;

/** The folder of this user's sockets. */
export function controlFolder(user: number = me(), env: Environment = process.env): string {
  return foldersOf(user, env)[0]!;
}

/** The path of a link's socket, by the name of its (first) device. */
export function controlPath(name: string): string {
  return `${controlFolder()}/link-${networkInode()}-${name}.sock`;
}

/** Matches names made above. They are printed, so they have no control characters. */
const NAME = /^link-(\d+)-([!-~]{1,15})\.sock$/;

/** The device of a socket's path if `tcpnet link` finds that path by itself; else undefined. */
export function deviceAt(path: string): string | undefined {
  const at = path.lastIndexOf("/");
  const device = NAME.exec(path.slice(at + 1))?.[2];
  const known = [...foldersOf(me(), process.env), ROOT_FOLDER].includes(path.slice(0, at));
  return known ? device : undefined;
}

/** A link's socket, its device and its owner. */
export interface LinkSocket {
  readonly device: string;
  readonly path: string;
  readonly user: number;
}

/** Sockets of this user's links in this network namespace; for root, of everybody's. Only those that nobody but their owner can have made. */
export function linkSockets(): LinkSocket[] {
  const users = me() === ROOT ? [ROOT, ...otherUsers()] : [me()];
  return users.flatMap((user) =>
    foldersOf(user, user === me() ? process.env : {}).flatMap((folder) => socketsIn(folder, user)),
  );
}

/** Devices with a link of root's in this network namespace, to tell users who may not change it. */
export function rootsDevices(): string[] {
  return socketsIn(ROOT_FOLDER, ROOT).map(({ device }) => device);
}

/** The user in the name of a socket folder. Its owner is checked later. */
function otherUsers(): number[] {
  const temporary = list(TEMPORARY).flatMap((name) => /^tcpnet-(\d+)$/.exec(name)?.[1] ?? []);
  const users = [...list(USERS_FOLDERS), ...temporary].filter((name) => /^\d{1,10}$/.test(name)).map(Number);
  return [...new Set(users)].filter((user) => user !== ROOT);
}

function socketsIn(folder: string, user: number): LinkSocket[] {
  if (!isTrusted(folder, user)) return [];
  const here = networkInode();
  const found = list(folder).flatMap((file) => {
    const [, inode, device] = NAME.exec(file) ?? [];
    return inode === here && device !== undefined ? [{ device, path: `${folder}/${file}`, user }] : [];
  });
  return found.filter(({ path }) => isSocketOf(path, user));
}

function isSocketOf(path: string, user: number): boolean {
  try {
    return distrust(path, "socket", user) === "";
  } catch {
    return false;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * Makes this user's folder if it is missing, and removes the sockets that killed programs left in it. Throws if somebody else
 * has made it or may write to it.
 */
export function prepareFolder(folder: string, user: number = me()): void {
  mkdirSync(folder, { recursive: true, mode: user === ROOT ? 0o755 : 0o700 });
  const why = distrust(folder, "folder", user);
  if (why !== "") throw new Error(why);
  for (const file of list(folder).filter((name) => NAME.test(name))) {
    const path = `${folder}/${file}`;
    if (isSocketOf(path, user) && isOld(path) && isAbandoned(path)) rmSync(path, { force: true });
  }
}

/** A young socket may belong to a program that has not yet called listen. */
const YOUNG_MS = 2_000;

function isOld(path: string): boolean {
  try {
    return Date.now() - lstatSync(path).mtimeMs > YOUNG_MS;
  } catch {
    return false;
  }
}

/** Removes the folder if it is empty. */
export function releaseFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Another program's socket or netup's state is in the folder, or it is gone.
  }
}

/**
 * Removes a socket that a killed program of this user left at a path. Throws if anything else is there: it may be somebody's
 * file.
 */
export function makeRoom(path: string): void {
  try {
    lstatSync(path);
  } catch {
    return;
  }
  const why = distrust(path, "socket", me());
  if (why !== "") throw new Error(`only a socket that a killed tcpnet left is replaced, and ${why}`);
  if (!isAbandoned(path)) throw new Error("another tcpnet listens there");
  unlinkSync(path);
}

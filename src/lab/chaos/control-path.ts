/** Where the sockets of links lie: one for each device and network namespace, in a folder that only the link's user can write to. */
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { networkInode } from "#ffi/namespace";
import { distrust } from "#ffi/trust";
import { isAbandoned } from "#ffi/unix-socket";

/** Where the sockets of root's links lie. */
export const ROOT_FOLDER = "/run/tcpnet";

const USERS_FOLDERS = "/run/user";
const TEMPORARY = "/tmp";

const ROOT = 0;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a user's sockets may lie, the best first: in folders that nobody else can have made, or can write to. */
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

/** Where the sockets of this user's links lie. */
export function controlFolder(user: number = me(), env: Environment = process.env): string {
  return foldersOf(user, env)[0]!;
}

/** Where the socket of a link lies, by the name of its (first) device. */
export function controlPath(name: string): string {
  return `${controlFolder()}/link-${networkInode()}-${name}.sock`;
}

/** A name as it is made above. What is shown to people has no odd characters. */
const NAME = /^link-(\d+)-([!-~]{1,15})\.sock$/;

/** The device whose link a path is for, where that path is one that `tcpnet link` finds by itself; else undefined. */
export function deviceAt(path: string): string | undefined {
  const at = path.lastIndexOf("/");
  const device = NAME.exec(path.slice(at + 1))?.[2];
  const known = [...foldersOf(me(), process.env), ROOT_FOLDER].includes(path.slice(0, at));
  return known ? device : undefined;
}

/** A socket, and for which link. */
export interface LinkSocket {
  readonly device: string;
  readonly path: string;
  readonly user: number;
}

/** The sockets of this network namespace's links: this user's; root sees everybody's. Only those that their user alone can have made. */
export function linkSockets(): LinkSocket[] {
  const users = me() === ROOT ? [ROOT, ...otherUsers()] : [me()];
  return users.flatMap((user) =>
    foldersOf(user, user === me() ? process.env : {}).flatMap((folder) => socketsIn(folder, user)),
  );
}

/** Devices with a link of root's in this network namespace, for those who may not ask it. */
export function rootsDevices(): string[] {
  return socketsIn(ROOT_FOLDER, ROOT).map(({ device }) => device);
}

/** Whoever has a folder of that kind, by its name; whether it is his is looked at later. */
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
 * Makes this user's folder, where it is not there, and clears away the sockets that killed programs left in it. Throws where somebody
 * else has made or may write to it.
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

/** A socket is made first and listened at a moment later. */
const YOUNG_MS = 2_000;

function isOld(path: string): boolean {
  try {
    return Date.now() - lstatSync(path).mtimeMs > YOUNG_MS;
  } catch {
    return false;
  }
}

/** The last one out takes the folder along. */
export function releaseFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody else's socket lies there, or netup's state; or it is gone.
  }
}

/**
 * Removes what lies at a path if it is a socket that a killed program of this user left. Throws where it is anything else: it
 * may be somebody's file.
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

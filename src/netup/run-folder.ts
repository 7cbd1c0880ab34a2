/** The folder of our files until the next boot. Only root may write there. */
export const RUN_FOLDER = "/run/tcpnet";

/** Locked while netup or netdown runs. */
export const LOCK_FILE = `${RUN_FOLDER}/lock`;

/** Suffix of a file's name until it is complete. */
export const DRAFT = ".new";

/** The state file of the network namespace with that inode number. */
export function stateFileOf(inode: string | undefined): string {
  return `${RUN_FOLDER}/state${inode === undefined ? "" : `-${inode}`}.json`;
}

/** The inode number of a namespace, from a link in /proc such as "net:[4026531840]". */
export function inodeOf(link: string | null): string | undefined {
  return /^net:\[(\d+)\]$/.exec(link ?? "")?.[1];
}

/** Where our files of this boot lie: only root may write there. */
export const RUN_FOLDER = "/run/tcpnet";

/** Held while netup or netdown are at work. */
export const LOCK_FILE = `${RUN_FOLDER}/lock`;

/** The end of the name that a file has until it is complete. */
export const DRAFT = ".new";

/** The state of the network namespace whose inode has that number. */
export function stateFileOf(inode: string | undefined): string {
  return `${RUN_FOLDER}/state${inode === undefined ? "" : `-${inode}`}.json`;
}

/** The number of a namespace's inode, from a link of /proc such as "net:[4026531840]". */
export function inodeOf(link: string | null): string | undefined {
  return /^net:\[(\d+)\]$/.exec(link ?? "")?.[1];
}

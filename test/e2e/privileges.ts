/** What /proc says of a program's rights. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The kernel's words for the rights of one thread. */
export interface Rights {
  readonly Uid: string;
  readonly Gid: string;
  readonly Groups: string;
  readonly CapInh: string;
  readonly CapPrm: string;
  readonly CapEff: string;
  readonly CapBnd: string;
  readonly CapAmb: string;
  readonly NoNewPrivs: string;
}

const FIELDS = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"] as const;
const NONE = "0000000000000000";

/** What a user without any right of root has. */
export function bare(uid: number, gid: number, groups: readonly number[] = [], CapBnd: string = NONE): Rights {
  const four = (id: number) => Array(4).fill(id).join(" ");
  const caps = { CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapBnd, CapAmb: NONE };
  return { Uid: four(uid), Gid: four(gid), Groups: groups.join(" "), ...caps, NoNewPrivs: "1" };
}

/** The rights of all threads of a process; each different set once, so that one answer means that all are alike. */
export function rightsOf(pid: number): Rights[] {
  const sets = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    let status: string;
    try {
      status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    } catch {
      return []; // It ended meanwhile.
    }
    const field = (name: string) => new RegExp(`^${name}:(.*)$`, "m").exec(status)![1]!.trim().replaceAll(/\s+/g, " ");
    return JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, field(name)])));
  });
  return [...new Set(sets)].map((text) => JSON.parse(text) as Rights);
}

/** How many threads a process has. */
export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** What the descriptors of a process lead to. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // It was closed meanwhile.
    }
  });
}

/** The programs that a process started, and those that they started, by their command lines. */
export function descendantsOf(pid: number): { readonly pid: number; readonly words: readonly string[] }[] {
  const all = readdirSync("/proc").flatMap((name) => {
    try {
      const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))![1]);
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").slice(0, -1);
      return [{ pid: Number(name), parent, words }];
    } catch {
      return []; // No process, or it ended meanwhile.
    }
  });
  const below = (parent: number): typeof all =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return below(pid);
}

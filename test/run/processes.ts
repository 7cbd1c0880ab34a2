import { readdirSync, readFileSync } from "node:fs";

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** What a process starts while others are killed is found in the next round. */
const ROUNDS = 100;
const PAUSE_MS = 20;

/** Kills a process (null: it has ended), its descendants, and whatever has `variable`, "NAME=value", in its environment. */
export async function endJob(root: number | null, variable: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = processesOf(root, variable);
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
    await Bun.sleep(PAUSE_MS);
  }
}

/** The processes that `endJob` ends. */
export function processesOf(root: number | null, variable: string): number[] {
  const all = running().filter(({ pid }) => pid !== process.pid);
  const first = all.filter(({ pid }) => pid === root || inEnvironment(pid, variable));
  const found = new Set(first.map(({ pid }) => pid));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** The command line of a process, or "?" if it has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "?";
  }
}

/** Every process but those that have ended and were not waited for yet. */
function running(): Process[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" || state === "X" ? [] : [{ pid, parent: Number(parent) }];
    } catch {
      return []; // It ended meanwhile.
    }
  });
}

function inEnvironment(pid: number, variable: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(variable);
  } catch {
    return false; // It ended meanwhile, or is somebody else's.
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

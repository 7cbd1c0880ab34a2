import { availableParallelism, freemem } from "node:os";

export interface Options {
  /** Parts of the paths of the test files that are meant; none: all. */
  readonly words: readonly string[];
  readonly setUp: boolean;
  /** Also the long files; those that are named run in any case. */
  readonly all: boolean;
  /** Processes at a time. */
  readonly jobs: number;
}

export const USAGE = `bun run test/run.ts [FILE or FOLDER …] [--all] [--no-setup] [--jobs N]
  --all       also the long ones: real firewalls, a browser, mutants, goodput; CI=true does the same
  --no-setup  installs nothing; tests that need what is missing are skipped
  --jobs N    runs so many test files at a time (one more than there are processors); some more where they mostly wait
For one test by its name: bun test FILE -t NAME`;

/** No test file needs more, by far, but for one. */
const MEMORY_PER_JOB = 1e9;

/** So many more than there are processors: end-to-end tests wait for half of their time. */
const WAITING = 1;

/** The options on the command line; null if there is one that does not exist. */
export function readOptions(argv: readonly string[]): Options | null {
  const words: string[] = [];
  let jobs = Math.max(1, Math.min(availableParallelism() + WAITING, Math.floor(freemem() / MEMORY_PER_JOB)));
  let setUp = true;
  let all = process.env.CI === "true";
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === "--no-setup") setUp = false;
    else if (word === "--all") all = true;
    else if (word === "--jobs" && /^[1-9]\d?$/.test(argv[i + 1] ?? "")) jobs = Number(argv[++i]);
    else if (word.startsWith("-")) return null;
    else words.push(word.replace(/^\.\//, ""));
  }
  return { words, setUp, all, jobs };
}

import { realpathSync } from "node:fs";
import { ROOT } from "../support/root.ts";
import type { Job } from "./job.ts";
import { planned, type Times } from "./schedule.ts";

/** Where many things run beside a test, bun's five seconds are over before the test is wrong. */
const TEST_LIMIT_MS = "120000";

/** Files that take long, and seldom find what no other finds: they run in CI, with `--all`, and when they are named. */
export const LONG: readonly string[] = [
  "test/cli/descriptors.test.ts",
  "test/drill/calls.test.ts",
  "test/drill/mutants.test.ts",
  "test/e2e/bench-versus.test.ts",
  "test/e2e/bench.test.ts",
  "test/e2e/run-programs.test.ts",
  "test/e2e/slow-output.test.ts",
  "test/e2e/watch.test.ts",
  "test/kernel/kernel.test.ts",
  "test/mutants/mutants.test.ts",
  "test/netup/boxed.test.ts",
  "test/netup/lab.test.ts",
  "test/newcomer/bare.test.ts",
  "test/node/installed.test.ts",
  "test/node/packages.test.ts",
  "test/node/reference.test.ts",
  "test/package/package.test.ts",
  "test/package/page.test.ts",
  "test/package/reference.test.ts",
  "test/report/live.test.ts",
  "test/report/page.test.ts",
  "test/sim/goodput.test.ts",
  "test/sim/rate-based.test.ts",
  "test/sim/swarm-on.test.ts",
  "test/world/hour.test.ts",
  "test/world/runners.test.ts",
];

/** These jobs without the long ones. */
export const withoutLong = (jobs: readonly Job[]): Job[] => jobs.filter(({ name }) => !LONG.includes(name));

/** The test files whose path has one of these words in it; without words all of them, and the checks of the whole. */
export function allJobs(words: readonly string[], measured: Times): Job[] {
  const files = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: ROOT })].sort();
  const wanted = words.length === 0 ? files : files.filter((file) => words.some((word) => file.includes(word)));
  if (wanted.length === 0) return [];
  const bun = bunAsTyped();
  const check = (name: string, command: readonly string[]): Job => {
    const typed = [`node_modules/.bin/${command[0]}`, ...command.slice(1)];
    return { name, kind: "check", command: typed, ...planned(name, measured), replay: typed.join(" ") };
  };
  const checks = [
    check("lint", ["biome", "check", "--error-on-warnings", "."]),
    check("types", ["tsc", "--noEmit"]),
    check("types of the report's page", ["tsc", "--noEmit", "-p", "src/report/page"]),
  ];
  return [
    ...(words.length === 0 ? checks : []),
    ...wanted.map((file): Job => {
      const command = [process.execPath, "test", "--dots", "--timeout", TEST_LIMIT_MS, `./${file}`];
      return { name: file, kind: "tests", command, ...planned(file, measured), replay: `${bun} test ./${file}` };
    }),
  ];
}

/** How somebody calls the bun that runs this: by name if a shell finds it, else as the README does, else by its path. */
export function bunAsTyped(execPath = process.execPath, path = process.env.PATH ?? ""): string {
  // `bun run` and npx put folders of their own in front of PATH, which a shell does not have.
  const folders = path.split(":").filter((folder) => !/node_modules\/\.bin$|\/_npx\/|\/bun-node-/.test(folder));
  const found = Bun.which("bun", { PATH: folders.join(":") });
  if (found !== null && realpathSync(found) === realpathSync(execPath)) return "bun";
  return execPath.includes("/_npx/") ? `npx -y bun@${Bun.version}` : execPath;
}

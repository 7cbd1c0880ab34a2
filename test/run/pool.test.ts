import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job, Result } from "./job.ts";
import { Pool } from "./pool.ts";
import { processesOf } from "./processes.ts";
import { summary } from "./summary.ts";

const folder = mkdtempSync(join(tmpdir(), "tcpnet-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A job that runs a file of tests with this text. */
function file(name: string, text: string, more: Partial<Job> = {}): Job {
  writeFileSync(join(folder, `${name}.test.ts`), `import { expect, test } from "bun:test";\n${text}\n`);
  const command = [process.execPath, "test", "--dots", `./${name}.test.ts`];
  return { name, kind: "tests", command, seconds: 1, weight: 1, alone: false, replay: `bun test ${name}`, ...more };
}

async function run(jobs: readonly Job[], atOnce = 2, limitMs = 60_000): Promise<Record<string, Result>> {
  const pool = new Pool(folder, limitMs, () => {});
  await pool.run(jobs, atOnce);
  return Object.fromEntries(pool.results.map((result) => [result.job.name, result]));
}

/** Whether a process lives that was started as `sleep SECONDS`; the number tells it from those of others. */
function sleeps(seconds: number): boolean {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1") === `sleep\0${seconds}\0`;
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

test("passed, failed and skipped tests are counted, and a failure has its reason and the command that repeats it", async () => {
  const { mixed } = await run([
    file(
      "mixed",
      `test("good", () => {});
       test("(odd) name's 'quotes' $HOME", () => { expect(1 + 1).toBe(3); });
       console.warn("SKIPPED later: no time");
       test.skip("later", () => {});`,
    ),
  ]);
  expect([mixed!.passed, mixed!.failed, mixed!.skipped, mixed!.skips]).toEqual([1, 1, 1, ["later: no time"]]);
  const [failure] = mixed!.failures;
  expect(failure!.replay).toBe("bun test mixed -t '.odd. name.s .quotes. .HOME'");
  expect(failure!.reason.join("\n")).toMatch(/Expected: 3[\s\S]*Received: 2/);
});

test("an error outside of the tests, a file without tests, and an exit in the middle are failures", async () => {
  const told = await run([
    file("throws", `test("good", () => {}); throw new Error("at once");`),
    file("empty", ""),
    file("exits", `test("good", () => {}); test("leaves", () => process.exit(0));`),
    file("missing", "", { command: [process.execPath, "test", "./no-such-file.test.ts"] }),
  ]);
  for (const name of ["throws", "empty", "exits", "missing"]) {
    expect([name, told[name]!.failed, told[name]!.failures.length]).toEqual([name, 1, 1]);
  }
  expect(told.throws!.failures[0]!.reason.join("\n")).toContain("at once");
  expect(told.exits!.failures[0]!.name).toBe("exits ended with exit code 0 before it counted its tests");
});

test("a test beyond its time limit is a failure that says so, and names the test", async () => {
  const { slow } = await run([file("slow", `test("sleeps", async () => { await Bun.sleep(60_000); }, 300);`)]);
  expect(slow!.failures.map(({ name }) => name)).toEqual(["sleeps"]);
  expect(slow!.failures[0]!.reason).toEqual([expect.stringMatching(/^this test timed out after 300ms/)]);
  expect(slow!.failures[0]!.replay).toBe("bun test slow -t 'sleeps'");
});

test("a crash is a failure that names the signal", async () => {
  const { crashes } = await run([file("crashes", `test("dies", () => process.kill(process.pid, "SIGSEGV"));`)]);
  expect(crashes!.failures.map(({ name }) => name)).toEqual(["crashes was killed by SIGSEGV"]);
  expect(crashes!.failed).toBe(1);
});

test("a process that ends before its test summary is one failure, with a reason and the command that repeats it", async () => {
  const command = (line: string) => ({ command: ["sh", "-c", line] });
  const told = await run([
    file("gone", "", { command: ["/no/such/program"] }),
    file("killed", `test("good", () => {}); test("dies", () => process.kill(process.pid, "SIGKILL"));`),
    file("counted", "", command("echo ' 7 pass' >&2; echo ' 0 fail' >&2; kill -9 $$")),
    file("silent", "", command("exit 0")),
    file("wrong", "", command("echo ' 7 pass' >&2; echo ' 0 fail' >&2; exit 3")),
    file("check", "", { kind: "check", ...command("kill -15 $$") }),
    file("good", `test("good", () => {});`),
  ]);
  const failures = Object.values(told).flatMap((each) => each.failures.map(({ name, replay }) => [name, replay]));
  expect(failures.sort()).toEqual([
    ["check was killed by SIGTERM", "bun test check"],
    ["counted was killed by SIGKILL", "bun test counted"],
    ["gone could not be started", "bun test gone"],
    ["killed was killed by SIGKILL", "bun test killed"],
    ["silent ended with exit code 0 before it counted its tests", "bun test silent"],
    ["wrong ended with exit code 3, though no test failed", "bun test wrong"],
  ]);
  const counts = summary(Object.values(told)).at(-1);
  expect(counts).toBe("15 passed, 6 failed");
  expect(told.gone!.failures[0]!.reason[0]).toMatch(/no such file|ENOENT/i);
});

test("a file that hangs is ended after the time limit with all its processes, and is a failure that says so", async () => {
  const text = `test("hangs", async () => {
    Bun.spawn(["sh", "-c", "sleep 86301 & setsid sleep 86302 & (sleep 86303 &) ; wait"]);
    Bun.spawn(["setsid", "sh", "-c", "sleep 86304; true"]);
    while (true) {}
  });`;
  const { hangs } = await run([file("hangs", text)], 1, 3_000);
  expect(hangs!.failures.map(({ name }) => name)).toEqual(["hangs did not end within 3 s and was killed"]);
  expect(hangs!.failures[0]!.reason).toContain("it ran: sleep 86302");
  expect(hangs!.seconds).toBeGreaterThanOrEqual(3);
  expect([86301, 86302, 86303, 86304].filter(sleeps)).toEqual([]);
});

test("processes that a test left running are ended before the next job begins", async () => {
  const left = file(
    "leaves",
    `test("leaves", async () => { Bun.spawn(["sh", "-c", "(sleep 86311 &)"]); await Bun.sleep(200); });`,
  );
  const { leaves } = await run([left]);
  expect([leaves!.passed, leaves!.failed, sleeps(86311)]).toEqual([1, 0, false]);
});

test("stopping ends all running jobs and starts no more", async () => {
  const long = (name: string, seconds: number) =>
    file(name, `test("long", async () => { await Bun.$\`touch ${folder}/${name}; sleep ${seconds}\`; }, 100_000);`);
  const ended: string[] = [];
  const pool = new Pool(folder, 60_000, ({ job }) => ended.push(job.name));
  const all = pool.run([long("first", 86321), long("second", 86322), long("third", 86323)], 2);
  while (!["first", "second"].every((name) => existsSync(join(folder, name)))) await Bun.sleep(20);
  pool.stop();
  await all;
  expect([86321, 86322].filter(sleeps)).toEqual([]);
  expect([ended, existsSync(join(folder, "third"))]).toEqual([[], false]);
});

test("jobs run in parallel; those that must run alone run after all others", async () => {
  const stamp = (name: string, more: Partial<Job> = {}) =>
    file(
      name,
      `test("t", async () => { console.error("BEGAN", Date.now()); await Bun.sleep(500); console.error("ENDED", Date.now()); });`,
      more,
    );
  const told = await run([stamp("c", { alone: true }), stamp("a"), stamp("b"), stamp("d", { alone: true })]);
  const at = (name: string, word: string) => Number(new RegExp(`${word} (\\d+)`).exec(told[name]!.output)![1]);
  expect(Math.max(at("a", "BEGAN"), at("b", "BEGAN"))).toBeLessThan(Math.min(at("a", "ENDED"), at("b", "ENDED")));
  expect(at("c", "BEGAN")).toBeGreaterThanOrEqual(Math.max(at("a", "ENDED"), at("b", "ENDED")));
  expect(at("d", "BEGAN")).toBeGreaterThanOrEqual(at("c", "ENDED"));
});

test("processes of others are not taken for those of a job", () => {
  expect(processesOf(null, "TCPNET_TEST_JOB=of-nobody")).toEqual([]);
  const env = { PATH: process.env.PATH!, OF: "this-test" };
  const child = Bun.spawn(["sleep", "86331"], { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  try {
    // Until it has become `sleep`, it has its parent's environment.
    for (let tries = 0; tries < 1000 && !sleeps(86331); tries++) Bun.sleepSync(10);
    expect(processesOf(null, "OF=this-test")).toEqual([child.pid]);
    expect(processesOf(child.pid, "TCPNET_TEST_JOB=of-nobody")).toEqual([child.pid]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a process that has left the job and keeps its output open does not keep the run from ending", async () => {
  const pidFile = join(folder, "left.pid");
  const { holds } = await run([
    file(
      "holds",
      `test("leaves one", () => {
         const child = Bun.spawn(["env", "-i", "sleep", "86341"], { stdio: ["ignore", "ignore", "inherit"] });
         require("node:fs").writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
         for (let tries = 0; tries < 1000; tries++) {
           if (require("node:fs").readFileSync("/proc/" + child.pid + "/cmdline", "latin1").startsWith("sleep")) break;
           Bun.sleepSync(10);
         }
         child.unref();
       });`,
    ),
  ]);
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  expect(holds!.failures.map(({ name }) => name)).toEqual(["holds left a process behind that keeps its output open"]);
  // The run waits 5 s for the output.
}, 30_000);

/** Header prediction: the short ways do exactly what the eight steps do. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

async function run(prediction: "off" | "count"): Promise<{ readonly out: string; readonly predicted: number }> {
  const folder = "./test/support/prediction";
  const child = Bun.spawn([process.execPath, "--preload", `${folder}/preload.ts`, `${folder}/run.ts`, "8", "50"], {
    cwd: ROOT,
    env: { ...process.env, PREDICTION: prediction },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(err);
  return { out, predicted: Number(err.trim()) };
}

test("the same segments give the same TCB, packets and counters with prediction and without", async () => {
  const [steps, short] = await Promise.all([run("off"), run("count")]);
  expect(short.out).toBe(steps.out);
  expect(short.out.trim().split("\n").length).toBe(58);
  expect(steps.predicted).toBe(0);
  expect(short.predicted).toBeGreaterThan(800);
}, 300_000);

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtProgram } from "../support/built-program.ts";
import { ROOT } from "../support/root.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "controller-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The program from source: the compiled one runs no other code than its own. */
const SOURCE = [process.execPath, `${ROOT}src/cli/main.ts`];

async function sim(cc: string, ...more: string[]) {
  const flags = ["--cc", cc, "--rtt", "40ms", "--rate", "10mbit", "--time", "5s", ...more];
  const child = Bun.spawn([...SOURCE, "sim", ...flags], { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

/** A module in a folder of the test. */
function moduleOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a controller of the user's own is simulated beside one of the stack", async () => {
  const { code, out } = await sim("cubic,examples/delay-control.ts", "--flows", "2", "--json");
  const names = JSON.parse(out).flows.map((flow: { congestionControl: string }) => flow.congestionControl);
  expect([code, names]).toEqual([0, ["cubic", "delay"]]);
});

test("it decides what is sent: a window of ten segments over 40 ms", async () => {
  const path = moduleOf(
    "ten.ts",
    `export default { name: "ten", create: () => ({ onAck(flow: { cwnd: number }) { flow.cwnd = 10; } }) };`,
  );
  const { out } = await sim(path, "--json");
  const [flow] = JSON.parse(out).flows;
  expect(flow.goodput / ((10 * 1448 * 8) / 0.0412)).toBeGreaterThan(0.95);
  expect(flow.goodput / ((10 * 1448 * 8) / 0.04)).toBeLessThan(1);
});

test("one that throws is replaced, and the table says why", async () => {
  const path = moduleOf(
    "bad.ts",
    `export default { name: "bad", create: () => ({ onAck() { throw new Error("no idea"); } }) };`,
  );
  const { code, out } = await sim(path);
  expect(code).toBe(0);
  expect(out).toContain("flow 0 there: its controller failed, and newreno took over: Error: no idea");
});

test("what is not a controller is told with what it must be, and nothing runs", async () => {
  for (const [path, words] of [
    ["./missing.ts", "--cc ./missing.ts cannot be read"],
    [`${folder}/`, "is not a file"],
    [moduleOf("none.ts", "export const a = 1;"), "default export must be { name, create }"],
    [moduleOf("broken.ts", "export default {"), "could not be loaded"],
    [moduleOf("throws.ts", `throw new Error("while loading");`), "while loading"],
    [moduleOf("cubic.ts", `export default { name: "cubic", create: () => ({}) };`), "use another name"],
    [moduleOf("named.ts", `export default { name: "Not A Name", create: () => ({}) };`), "use a-z, 0-9, -"],
  ] as const) {
    const { code, out, err } = await sim(path);
    expect([path, code, out, err.includes(words)]).toEqual([path, 2, "", true]);
    expect(err).not.toContain("at async");
  }
});

test.skipIf(process.getuid?.() !== 0)("root runs no file that somebody else can change", async () => {
  const text = `export default { name: "mine", create: () => ({ onAck() {} }) };`;
  const open = moduleOf("open.ts", text);
  chmodSync(open, 0o666);
  const inside = join(folder, "inside");
  mkdirSync(inside);
  const shared = moduleOf("inside/shared.ts", text);
  chmodSync(inside, 0o777);
  for (const path of [open, shared]) {
    const { code, out, err } = await sim(path);
    expect([path, code, out]).toEqual([path, 4, ""]);
    expect(err).toContain("others than root can change");
    expect(err).toContain("run tcpnet sim without root");
  }
  chmodSync(open, 0o644);
  expect((await sim(open)).code).toBe(0);
});

test("the compiled program runs no other code than its own, and says what does", async () => {
  const child = Bun.spawn([await builtProgram(), "sim", "--cc", "examples/delay-control.ts"], {
    cwd: ROOT,
    stderr: "pipe",
  });
  const err = await child.stderr.text();
  expect(await child.exited).toBe(2);
  expect(err).toContain("--cc examples/delay-control.ts needs the program from source");
  expect(err).toContain("src/cli/tcpnet.sh sim --cc examples/delay-control.ts");
});

/**
 * `bun test/kernel/calls.ts`: what this machine's kernel answers to every call on a socket in every state, written down for
 * `test/drill/calls.test.ts` (in a network namespace of its own).
 */
import { isolation } from "#cli/isolation";
import { Kernel } from "#lab/drill/targets/kernel/target";
import { outcomeOf, table } from "./calls-table.ts";

const FILE = `${import.meta.dir}/../drill/calls.linux.txt`;
const INSIDE = "TCPNET_CALLS_INSIDE";

if (process.env[INSIDE] === undefined) {
  const way = isolation();
  if ("refused" in way) throw new Error(way.refused);
  const child = Bun.spawn([...way.command, process.execPath, import.meta.path], {
    env: { ...process.env, [INSIDE]: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.exitCode = await child.exited;
} else {
  let kernel: Kernel | undefined;
  const lines = table((state, call) => outcomeOf(state, call, (setup) => (kernel ??= new Kernel(setup))));
  await Bun.write(FILE, `${lines.join("\n")}\n`);
}

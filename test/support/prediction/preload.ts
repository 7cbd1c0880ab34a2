/** PREDICTION=off: every segment takes the eight steps. PREDICTION=count: `predicted` of the global object counts those that need not. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = fileURLToPath(new URL("../../../src/tcp/machine/arrives.ts", import.meta.url));
const call = "!takePredicted(tcb, seg, now)";
const parts = readFileSync(path, "utf8").split(call);
if (parts.length !== 2) throw new Error(`"${call}" occurs ${parts.length - 1} times in ${path}`);
const counted = `!(takePredicted(tcb, seg, now) && ++(globalThis as unknown as { predicted: number }).predicted)`;
const contents = parts.join(process.env.PREDICTION === "off" ? "true" : counted);
Object.assign(globalThis, { predicted: 0 });

Bun.plugin({
  name: "prediction",
  setup(build) {
    build.onLoad({ filter: new RegExp(`${RegExp.escape(path)}$`) }, () => ({ contents, loader: "ts" }));
  },
});

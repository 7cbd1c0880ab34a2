import { expect, mock, test } from "bun:test";
import { modules } from "tcpnet/sim";

for (const [name, object] of Object.entries(modules)) mock.module(name, () => ({ ...object, default: object }));
const { EXPECTED, scenario } = await import("./scenario.ts");

test("bun test", async () => {
  const { answers, ...run } = await scenario();
  expect(answers).toEqual(EXPECTED);
  console.log(`RUN ${JSON.stringify(run)}`);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { EXPECTED, scenario } from "./scenario.ts";

test("node:test", async () => {
  const { answers, ...run } = await scenario();
  assert.deepEqual(answers, EXPECTED);
  console.log(`RUN ${JSON.stringify(run)}`);
});

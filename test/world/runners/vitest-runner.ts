import { expect, test } from "vitest";
import { EXPECTED, scenario } from "./scenario.ts";

test("vitest", async () => {
  const { answers, ...run } = await scenario();
  expect(answers).toEqual(EXPECTED);
  console.log(`RUN ${JSON.stringify(run)}`);
});

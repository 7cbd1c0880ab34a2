/** How our `fetch` ends, in both runtimes: signals, streams that are sent, and servers that do not keep to the rules. */
import { expect } from "bun:test";
import { testUnless } from "../support/test-unless.ts";
import { failures, lacking, results } from "./runtimes.ts";

for (const runtime of ["Bun", "Node"] as const) {
  testUnless(runtime === "Node" ? lacking : "", `our fetch ends as it should in ${runtime}`, async () => {
    const all = await results(runtime, "test/node/fetch-main.ts");
    expect(failures(all)).toEqual([]);
    expect(all).toHaveLength(5);
  });
}

import { test } from "bun:test";
import { within } from "./waiting.ts";

/** What a test has left for its end when its time is over, before bun kills what it started. */
const AFTERWARDS_MS = 20_000;

/**
 * A test that cannot run everywhere. Where there is a reason why it cannot run here, it is skipped, and the reason is
 * printed; with CI=true it fails, because nothing may be skipped there.
 */
export function testUnless(reason: string, name: string, work: () => Promise<void> | void, timeoutMs = 120_000): void {
  if (reason === "") {
    test(name, () => within(timeoutMs, work), timeoutMs + AFTERWARDS_MS);
  } else if (process.env.CI === "true") {
    test(name, () => {
      throw new Error(`cannot run, and with CI=true nothing may be skipped: ${reason}`);
    });
  } else {
    console.warn(`SKIPPED ${name}: ${reason}`);
    test.skip(name, work);
  }
}

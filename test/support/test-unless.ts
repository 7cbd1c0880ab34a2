import { test } from "bun:test";

/**
 * A test that cannot run everywhere. Where there is a reason why it cannot run here, it is skipped, and the reason is
 * printed; with CI=true it fails, because nothing may be skipped there.
 */
export function testUnless(reason: string, name: string, work: () => Promise<void> | void, timeoutMs = 120_000): void {
  if (reason === "") {
    test(name, work, timeoutMs);
  } else if (process.env.CI === "true") {
    test(name, () => {
      throw new Error(`cannot run, and with CI=true nothing may be skipped: ${reason}`);
    });
  } else {
    console.warn(`SKIPPED ${name}: ${reason}`);
    test.skip(name, work);
  }
}

import { readlinkSync } from "node:fs";
import { assert } from "#base/assert";

const OUTSIDE = "TCPNET_TEST_OUTSIDE";

const namespace = () => readlinkSync("/proc/self/ns/net");

/** For the environment of a script that changes a network: which one it must not be. */
export const outside: Record<string, string> = { [OUTSIDE]: namespace() };

/** Throws unless this process has left the network namespace of the test for another. */
export function refuseOutside(): void {
  const given = process.env[OUTSIDE];
  assert(given !== undefined && given !== namespace(), "netup is tried in a network namespace of its own only");
}

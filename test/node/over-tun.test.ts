/** A package of npm, our TCP, a TUN device, the kernel and a real server: all of the way. */
import { expect } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, netTestWith } from "../support/netns.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import type { Tool } from "../support/tools.ts";
import { type Elsewhere, postgres, type RealServer, redis } from "./packages/servers.ts";

const missing = lacksPackages("node");

/** Runs an example in a namespace in which a server listens on 10.0.0.1, the kernel's end of tun0; what it prints. */
async function run(
  ns: Namespace,
  example: string,
  start: (there: Elsewhere) => Promise<RealServer>,
): Promise<string[]> {
  await ns.must(["ip", "tuntap", "add", "tun0", "mode", "tun"]);
  await ns.must(["ip", "addr", "add", "10.0.0.1/24", "dev", "tun0"]);
  await ns.must(["ip", "link", "set", "tun0", "up"]);
  const server = await start({ address: "10.0.0.1", command: (words) => ns.command(words) });
  // Where the packages are found.
  const folder = mkdtempSync(join(packagesFolder("node"), "node_modules/.example-"));
  try {
    copyFileSync(`${ROOT}examples/packages/${example}`, join(folder, example));
    return (await ns.bun(join(folder, example))).trim().split("\n");
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

function tunTest(needs: readonly Tool[], name: string, work: (ns: Namespace) => Promise<void>): void {
  if (missing === "") netTestWith(["ip", "setpriv", ...needs], name, work);
  else testUnless(missing, name, () => {});
}

tunTest(["pg_ctlcluster"], "pg over a TUN device: PostgreSQL in a namespace sees the stack's address", async (ns) => {
  expect(await run(ns, "postgres.ts", postgres)).toEqual([
    "PostgreSQL sees 10.0.0.7",
    expect.stringMatching(/^5000 rows, more than 5 MB in segments of 1448 octets$/),
  ]);
});

tunTest(["redis-server"], "ioredis over a TUN device: Redis in a namespace sees the stack's address", async (ns) => {
  expect(await run(ns, "redis.ts", redis)).toEqual(["hello 1000", "10.0.0.7"]);
});

/** A package of npm, our TCP, a TUN device, the kernel and a real server: all of the way. */
import { expect } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { netTestWith } from "../support/netns.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { postgres } from "./packages/servers.ts";

const NAME = "pg over a TUN device: PostgreSQL in a namespace sees our stack's address (examples/packages/postgres.ts)";
const missing = lacksPackages("node");

if (missing !== "") testUnless(missing, NAME, () => {});
else
  netTestWith(["ip", "pg_ctlcluster", "setpriv"], NAME, async (ns) => {
    await ns.must(["ip", "tuntap", "add", "tun0", "mode", "tun"]);
    await ns.must(["ip", "addr", "add", "10.0.0.1/24", "dev", "tun0"]);
    await ns.must(["ip", "link", "set", "tun0", "up"]);
    const server = await postgres({ address: "10.0.0.1", command: (words) => ns.command(words) });
    const folder = mkdtempSync(join(packagesFolder("node"), "node_modules/.example-"));
    try {
      copyFileSync(`${ROOT}examples/packages/postgres.ts`, join(folder, "postgres.ts"));
      const printed = (await ns.bun(join(folder, "postgres.ts"))).trim().split("\n");
      expect(printed).toEqual([
        "PostgreSQL sees 10.0.0.7",
        expect.stringMatching(/^5000 rows, more than 5 MB in segments of 1448 octets$/),
      ]);
    } finally {
      await server.close();
      rmSync(folder, { recursive: true });
    }
  });

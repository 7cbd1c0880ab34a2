/** A package of npm, our TCP, a TUN device, the kernel and a real server: all of the way. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, netTestWith } from "../support/netns.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import type { Tool } from "../support/tools.ts";
import { certificate } from "./certificate.ts";
import { type Elsewhere, mariadb, postgres, type RealServer, redis } from "./packages/servers.ts";

const missing = lacksPackages("node");

/** Runs an example in a namespace in which a server listens on 10.0.0.1, the kernel's end of tun0; what it prints. */
async function run(
  ns: Namespace,
  example: string,
  start: (there: Elsewhere) => Promise<RealServer>,
  change = (program: string) => program,
): Promise<string[]> {
  await ns.must(["ip", "tuntap", "add", "tun0", "mode", "tun"]);
  await ns.must(["ip", "addr", "add", "10.0.0.1/24", "dev", "tun0"]);
  await ns.must(["ip", "link", "set", "tun0", "up"]);
  const server = await start({ address: "10.0.0.1", command: (words) => ns.command(words) });
  // Where the packages are found.
  const folder = mkdtempSync(join(packagesFolder("node"), "node_modules/.example-"));
  try {
    const program = readFileSync(`${ROOT}examples/packages/${example}`, "utf8");
    writeFileSync(join(folder, example), change(program));
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

tunTest(
  ["pg_ctlcluster"],
  "pg with TLS over a TUN device: the server says that the connection is encrypted",
  async (ns) => {
    const ssl = `ssl: ${JSON.stringify({ ca: certificate.cert, servername: "server.example" })}`;
    const change = (program: string) => {
      const secure = program.replace("new Client({", `new Client({ ${ssl},`);
      return secure.replace(
        "split_part(version(), ' ', 1)",
        "(select version from pg_stat_ssl where pid = pg_backend_pid())",
      );
    };
    const [first] = await run(ns, "postgres.ts", postgres, change);
    expect(first).toMatch(/^TLSv1\.[23] sees 10\.0\.0\.7$/);
  },
);

tunTest(["redis-server"], "ioredis over a TUN device: Redis in a namespace sees the stack's address", async (ns) => {
  expect(await run(ns, "redis.ts", redis)).toEqual(["hello 1000", "10.0.0.7"]);
});

tunTest(["mariadbd"], "mysql2 over a TUN device: MariaDB in a namespace answers the stack", async (ns) => {
  expect(await run(ns, "mysql.ts", mariadb)).toEqual(["MariaDB answers 10.0.0.7", "900 rows"]);
});

/** Packages that were written for Node run over our stack, in Bun and in Node, against real servers: the table of docs/NODE.md. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { packagesFolder } from "../support/npm.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { certificate } from "./certificate.ts";
import { DATABASES } from "./packages/databases.ts";
import { HTTP } from "./packages/http.ts";
import { MESSAGES } from "./packages/messages.ts";
import { mariadb, postgres, type RealServer, redis } from "./packages/servers.ts";
import { table, written } from "./packages/table.ts";
import { lacking, type Result, RUNTIMES, results } from "./runtimes.ts";

const CASES = [...HTTP, ...DATABASES, ...MESSAGES];

/** What is missing for a case, or "". */
const missingFor: Readonly<Record<string, string>> = {
  postgres: lacks(["pg_ctlcluster", "setpriv"]),
  redis: lacks(["redis-server", "setpriv"]),
  mariadb: lacks(["mariadbd", "setpriv"]),
};
const lacked = (needs: string | undefined) => lacking || (needs === undefined ? "" : missingFor[needs]!);

const servers = new Map<string, RealServer>();
const ran = new Map<string, Promise<Result[]>>();

beforeAll(async () => {
  if (lacking !== "") return;
  if (missingFor.postgres === "") servers.set("postgres", await postgres());
  if (missingFor.redis === "") servers.set("redis", await redis());
  if (missingFor.mariadb === "") servers.set("mariadb", await mariadb());
}, 120_000);

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

/** All cases, in one process of this runtime. */
function allOf(runtime: keyof typeof RUNTIMES): Promise<Result[]> {
  const names = CASES.filter(({ needs }) => lacked(needs) === "").map(({ name }) => name);
  const sockets = Object.fromEntries([...servers].map(([name, { socket }]) => [name, socket]));
  const job = JSON.stringify({ names, servers: sockets, certificate });
  let all = ran.get(runtime);
  if (all === undefined) {
    all = results(runtime, "test/node/packages/main.ts", packagesFolder("node"), job);
    ran.set(runtime, all);
  }
  return all;
}

for (const runtime of Object.keys(RUNTIMES) as (keyof typeof RUNTIMES)[]) {
  for (const { name, needs } of CASES) {
    testUnless(lacked(needs), `${name} in ${runtime}`, async () => {
      const all = await allOf(runtime);
      const ended = all.find((result) => result.name.endsWith(` in ${runtime}`));
      expect(all.find((result) => result.name === name) ?? ended).toEqual({ name, error: null });
    });
  }
}

test("the table of docs/NODE.md is what these tests run (bun test/node/packages/table.ts writes it)", () => {
  expect(written()).toBe(table());
  const rows = written()
    .match(/^\| (?!package|---)\S+/gm)!
    .map((row) => row.slice(2));
  expect([...rows].sort()).toEqual(CASES.map(({ name }) => name).sort());
});

/** Cases of a program: each is a run of a world, or something else that throws if it is wrong. */
import "#lab/world/hooks";
import assert from "node:assert/strict";
import type { World } from "#lab/world/types";
import { createWorld } from "#lab/world/world";

export { assert };

/** A world of a client and a server that are 20 ms apart; the server's program has begun when `main` does. */
export async function between(
  server: () => unknown,
  main: (world: World) => unknown,
  { seed = 1, link = "delay 20ms" }: { readonly seed?: number; readonly link?: string } = {},
): Promise<World> {
  const world = createWorld({ seed, report: false, print: () => {} });
  world.link("client", "server", link);
  world.host("server").start(server);
  await world.run(async () => {
    await world.sleep(10);
    await world.host("client").run(() => main(world));
  });
  return world;
}

/** Runs them one after another, and ends the program. */
export async function report(cases: Readonly<Record<string, () => unknown>>): Promise<never> {
  let wrong = 0;
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run();
      console.log(`ok ${name}`);
    } catch (error) {
      wrong++;
      console.log(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    }
  }
  process.exit(wrong === 0 ? 0 : 1);
}

import { createWorld } from "tcpnet/sim";
import { api, asked, database, port } from "./application.ts";

/** What came of it: the answer, the time of it, and what all that has happened depends on. */
export async function scenario() {
  const world = createWorld({ seed: 11 });
  world.mesh(["client", "api", "db"], "delay 20ms jitter 4ms loss 2%");
  world.host("db").start(database);
  world.host("api").start(api);
  const answers = await world.run(async () => {
    await world.sleep(1_000);
    return [await world.host("client").run(asked), await world.host("client").run(port)];
  });
  return { answers, now: world.now, digest: world.digest };
}

export const EXPECTED = [{ answer: "42" }, 80];

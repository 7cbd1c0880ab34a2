import { createWorld } from "tcpnet/sim";
import { api, asked, database, measured, port, secret, told } from "./application.ts";

/** What came of it: the answer, the time of it, and what all that has happened depends on. */
export async function scenario() {
  const world = createWorld({ seed: 11 });
  world.mesh(["client", "api", "db", "secret"], "delay 20ms jitter 4ms loss 2%");
  world.host("db").start(database);
  world.host("api").start(api);
  world.host("secret").start(secret);
  const answers = await world.run(async () => {
    await world.sleep(1_000);
    const answers: unknown[] = [];
    for (const question of [asked, port, told, measured]) answers.push(await world.host("client").run(question));
    return answers;
  });
  return { answers, now: world.now, digest: world.digest };
}

export const EXPECTED = [{ answer: "42" }, 80, "secret /x", "5"];

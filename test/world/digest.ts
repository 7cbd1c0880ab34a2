/** Prints the digest of a run with losses, crashes and HTTP. */
import "#lab/world/hooks";
import http from "node:http";
import { createWorld } from "#lab/world/world";

const world = createWorld({ seed: 7, report: false });
world.mesh(["a", "b", "c"], "delay 10ms jitter 3ms loss 3%");
for (const name of ["b", "c"]) {
  world.host(name).start(() => {
    http
      .createServer((request, response) => setTimeout(() => response.end(`${request.url}`), Math.random() * 50))
      .listen(80);
  });
}
let answers = 0;
await world.run(async () => {
  setTimeout(() => world.crash("c"), 2_000);
  setTimeout(() => world.restart("c"), 4_000);
  await world.host("a").run(async () => {
    for (let i = 0; i < 40; i++) {
      const signal = AbortSignal.timeout(500);
      await fetch(`http://${i % 2 ? "b" : "c"}/${Math.random()}`, { signal })
        .then((r) => r.text())
        .then(
          () => answers++,
          () => {},
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});
console.log(world.digest, world.now, answers);
process.exit(0);

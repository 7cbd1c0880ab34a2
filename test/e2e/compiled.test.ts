/** The compiled program, as people have it. */
import { expect } from "bun:test";
import { builtProgram } from "../support/built-program.ts";
import { HOST, labTest, PEER } from "./lab.ts";

labTest("the compiled program: text both ways, Ctrl-C", async (lab) => {
  const program = await builtProgram();
  const host = lab.start(program, ...HOST);
  const peer = lab.start(program, ...PEER);
  await Promise.all([host.says(/open /), peer.says(/open /)]);
  host.type("ping");
  await peer.gives(4);
  peer.type("pong!");
  await host.gives(5);
  expect([host.stdout.toString(), peer.stdout.toString()]).toEqual(["pong!", "ping"]);
  host.child.kill("SIGINT");
  await peer.says(/CLOSE-WAIT/);
  peer.endInput();
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([130, 0]);
});

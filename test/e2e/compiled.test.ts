/** The compiled program, as people have it: host and peer start themselves once more, without the engine's last compiler. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { builtProgram } from "../support/built-program.ts";
import { HOST, labTest, PEER } from "./lab.ts";

labTest("the compiled program: text both ways, its process replaced in its place, Ctrl-C", async (lab) => {
  const program = await builtProgram();
  const host = lab.start(program, ...HOST);
  const peer = lab.start(program, ...PEER);
  await Promise.all([host.says(/open /), peer.says(/open /)]);
  for (const { child } of [host, peer]) {
    expect(readFileSync(`/proc/${child.pid}/environ`, "latin1")).toContain("BUN_JSC_useFTLJIT=0");
  }
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

labTest("a server of small messages keeps the engine's last compiler", async (lab) => {
  const host = lab.start(await builtProgram(), ...HOST, "--echo");
  await host.says(/waiting at/);
  expect(readFileSync(`/proc/${host.child.pid}/environ`, "latin1")).not.toContain("BUN_JSC_useFTLJIT");
  host.child.kill("SIGINT");
  expect((await host.ended).code).toBe(130);
});

/** What the README tells people to type, typed: its block by hand, and rows of its table that take two sides. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { builtProgram } from "../support/built-program.ts";
import { ROOT } from "../support/root.ts";
import { bothWell, HOST, type Lab, labTest, labTestWith, PEER, type Running } from "./lab.ts";

const readme = readFileSync(`${ROOT}README.md`, "utf8");

/** What a row of the table says to type, in its order. */
function row(want: string): string[] {
  const line = readme.split("\n").find((each) => each.startsWith(`| ${want} `));
  if (line === undefined) throw new Error(`the README has no row "${want}"`);
  const cell = line.split(/(?<!\\)\|/)[2]!;
  return [...cell.matchAll(/`((?:[^`\\]|\\.)+)`/g)].map(([, typed]) => typed!.replaceAll("\\|", "|"));
}

/** A typed line as a program: `host …` has the devices and addresses of the lab, and `host` and `peer` are ours. */
function type(lab: Lab, typed: string): Running {
  const whole = typed.replace(/^host …/, HOST.join(" ")).replace(/^peer …/, PEER.join(" "));
  return lab.shell(whole.replace(/(^|\| )(?=(?:host|peer) )/, "$1exec $T "));
}

labTest(
  "the experiment by hand works with the program that the demo compiled, and netdown leaves nothing",
  async (lab) => {
    const program = await builtProgram();
    const [netup, host, peer, netdown] = /^sudo \.\/tcpnet netup[\s\S]*?(?=^```)/m
      .exec(readme)![0]
      .split("\n")
      .map((line) => line.replace(/ +#.*/, "").replace("sudo ./tcpnet", program).split(" "));
    const found = await lab.ns.must(["ip", "addr"]);
    expect((await lab.start(...netup!).ended).code).toBe(0);
    const waiting = lab.start(...host!);
    await waiting.says(/waiting/);
    const dialling = lab.start(...peer!);
    await dialling.says(/open /);
    dialling.type("typed in terminal 2\n");
    dialling.endInput();
    await waiting.gives("typed in terminal 2\n".length);
    waiting.endInput();
    const [heard] = await bothWell(waiting, dialling);
    expect(heard.stdout.toString()).toBe("typed in terminal 2\n");
    expect((await lab.start(...netdown!).ended).code).toBe(0);
    expect(await lab.ns.must(["ip", "addr"])).toBe(found);
  },
  { netup: null },
);

labTest("a simultaneous open works although the second side is started seconds later", async (lab) => {
  const [first, second] = row("watch a simultaneous open");
  const host = type(lab, first!);
  await host.says(/→ SYN/);
  await Bun.sleep(1_000);
  const peer = type(lab, second!);
  // On both sides: a SYN comes in answer to none.
  await Promise.all([host, peer].map((each) => each.says(/← SYN +SYN-RECEIVED[\s\S]*open /)));
  // Closing in order would take many more of its long round trips.
  for (const { child } of [host, peer]) child.kill("SIGTERM");
  await Promise.all([host.ended, peer.ended]);
});

labTestWith(["curl"], "curl prints the answer, and both programs end with 0", async (lab) => {
  const [answer, ask] = row("answer `curl`");
  const host = type(lab, answer!);
  await host.says(/waiting/);
  const curl = await lab.start(...ask!.split(" ")).ended;
  expect({ code: curl.code, stdout: curl.stdout.toString() }).toEqual({ code: 0, stdout: "hello\n" });
  const { code, stdout } = await host.ended;
  expect({ code, stdout: stdout.toString() }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^GET \/ HTTP\/1\.1\r\n/),
  });
});

labTestWith(["nc", "ping"], "nc gets its data back and ping is answered", async (lab) => {
  const [host, nc, ping] = row("talk to `nc` and `ping`");
  const echo = type(lab, host!);
  await echo.says(/waiting/);
  const echoed = await lab.shell(`echo hello | ${nc!.replace("nc", "nc -N")}`).ended;
  expect([echoed.code, echoed.stdout.toString()]).toEqual([0, "hello\n"]);
  expect((await lab.ns.run([...ping!.split(" "), "-c1", "-W10"])).code).toBe(0);
});

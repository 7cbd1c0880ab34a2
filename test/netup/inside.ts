import { assert } from "#base/assert";
import { netdown } from "#netup/netdown";
import { netup } from "#netup/netup";
import type { NetupOptions } from "#netup/options";
import { renderNetdown, renderNetup, renderStatus } from "#netup/render";
import { machine, type System } from "#netup/run";
import { status } from "#netup/status";
import { refuseOutside } from "./guard.ts";

/**
 * Run in a namespace of its own: `netup`, `netdown` or `status` with options as JSON. Prints { ok: result, text } or
 * { error: …, exitCode }. A third word begins the
 * commands that shall fail; TCPNET_TEST_WITHOUT names a tool that shall be missing,
 * TCPNET_TEST_DIES the change before which all ends.
 */

const [verb, options = "{}", broken = ""] = process.argv.slice(2);
refuseOutside();

const without = process.env.TCPNET_TEST_WITHOUT;
/** The change before which this process is killed, counted from 0. */
let untilDeath = Number(process.env.TCPNET_TEST_DIES ?? -1);

function mayDie(changes: boolean): void {
  if (changes && untilDeath-- === 0) process.kill(process.pid, "SIGKILL");
}

const CHANGING = /^(ip (tuntap|link|addr) (add|set|del)|nft (-j -f|delete)|\S*tables\S* .* -[ID] )/;
const system: System = {
  ...machine,
  which: (tool) => (tool === without ? null : machine.which(tool)),
  run(argv, stdin) {
    const text = argv.join(" ");
    mayDie(CHANGING.test(text));
    const fails = broken !== "" && text.startsWith(broken);
    return fails ? { code: 1, out: "", err: `${argv[0]}: broken for the test` } : machine.run(argv, stdin);
  },
  write(path, text) {
    mayDie(true);
    machine.write(path, text);
  },
  save(path, text) {
    mayDie(true);
    machine.save(path, text);
  },
  remove(path) {
    mayDie(true);
    machine.remove(path);
  },
};
const given: NetupOptions = { ...(JSON.parse(options) as NetupOptions), system };

try {
  if (verb === "netup") {
    const ok = await netup(given);
    console.log(JSON.stringify({ ok, text: renderNetup(ok).join("\n") }));
  } else if (verb === "netdown") {
    const ok = netdown(given);
    console.log(JSON.stringify({ ok, text: renderNetdown(ok).join("\n") }));
  } else {
    const ok = status(given);
    console.log(JSON.stringify({ ok, text: renderStatus(ok).join("\n") }));
  }
} catch (error) {
  assert(error instanceof Error && "exitCode" in error, `not an error in words: ${error}`);
  const { message, exitCode, why, fix } = error as Error & { exitCode: number; why: string; fix: string };
  console.log(JSON.stringify({ error: message, exitCode, why, fix }));
}

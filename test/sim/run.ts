/**
 * The random simulation as a program: `bun test/sim/run.ts [N [SEED]]` runs N seeds from SEED on (for ever without N), and
 * ends with the first that fails, shrunk. `--verbose` prints every packet; `--scenario JSON` runs that one.
 */
import { print } from "#wire/print";
import { generate } from "./swarm/generate.ts";
import type { Scenario } from "./swarm/scenario.ts";
import { explain, failure, runScenario, trySeed } from "./swarm/swarm.ts";

const args = process.argv.slice(2);
const verbose = take("--verbose");
const keepGoing = take("--keep-going");
const json = value("--scenario");
const count = Number(args[0] ?? Number.POSITIVE_INFINITY);
const first = Number(args[1] ?? 1);

if (json !== undefined) one(JSON.parse(json));
else if (verbose) one(generate(first));
else many();

function one(scenario: Scenario): void {
  console.log(JSON.stringify(scenario, undefined, 1));
  const report = runScenario(scenario, verbose ? (text) => console.log(text) : undefined, print);
  console.log(failure(report) ?? "passed", `${report.events} events, ${report.time / 1e6} s, digest ${report.digest}`);
  if (report.error !== undefined) console.log(report.error.stack);
  process.exitCode = failure(report) === undefined ? 0 : 1;
}

function many(): void {
  const begun = performance.now();
  let events = 0;
  let virtual = 0;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const { report, wrong } = trySeed(first + i);
    events += report.events;
    virtual += report.time;
    bytes += report.bytes;
    if (wrong !== undefined) {
      console.log(keepGoing ? `seed ${first + i}: ${wrong}` : explain(first + i));
      process.exitCode = 1;
      if (!keepGoing) return;
    }
    if ((i + 1) % 1000 === 0) console.error(`${i + 1} seeds`);
  }
  const seconds = (performance.now() - begun) / 1000;
  const hours = (virtual / 3.6e9).toFixed(1);
  console.log(
    `${count} seeds from ${first}: ${events} events, ${bytes} octets delivered, ${hours} virtual hours in ${seconds.toFixed(1)} s`,
  );
}

function take(flag: string): boolean {
  const i = args.indexOf(flag);
  if (i >= 0) args.splice(i, 1);
  return i >= 0;
}

function value(flag: string): string | undefined {
  const i = args.indexOf(flag);
  return i < 0 ? undefined : args.splice(i, 2)[1];
}

/** `tcpnet bench --vs kernel|pump`: both in turn, in a private network, and the ratio of their medians. */
import { ownEnvironment } from "#ffi/environment";
import { KernelTransport } from "#lab/bench/kernel-transport";
import { LENGTH_DEFAULT, type Parameters } from "#lab/bench/parameters";
import { ONE_SEGMENT, pumpWrite, SUPER_SEGMENT } from "#lab/bench/pump";
import { Server } from "#lab/bench/server";
import { TextReport } from "#lab/bench/text-report";
import { type Comparison, compared, versusTable } from "#lab/bench/versus";
import {
  iperf3Path,
  KERNEL_CLIENT,
  KERNEL_SERVER,
  type Measured,
  measureKernel,
  measurePump,
  measureTcpnet,
  PUMP_WRITER,
  runKernelClient,
} from "./bench-measurements.ts";
import { FarNetwork, prepareNetwork } from "./bench-network.ts";
import { BENCH_PORT, parametersOf, refuseOthers, secondsOf } from "./bench-options.ts";
import { CliError, usageError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { STOPS } from "./demo-inside.ts";
import { EXIT_OK, EXIT_PERMISSION, EXIT_SIGHUP } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";
import { BENCH_INSIDE, fromOutside, isolation, refuseInVain } from "./isolation.ts";
import { print, refuseClosedOutput } from "./print.ts";
import { asTyped, selfCommand } from "./program.ts";
import { endEchoedKey, printText, say, sayProgress } from "./terminal.ts";

type Against = "kernel" | "pump";

/** Enough for a median, and short enough to be waited for. */
const TIME_DEFAULT = 3;
/** In the first second most of the program is still being compiled. */
const OMIT_DEFAULT = 1;
const ROUNDS_DEFAULT = 3;

/** Flags that make sense here. */
const ALLOWED = new Set(
  "vs rounds time omit bytes parallel reverse bidir len bitrate rr crr no-offload json".split(" "),
);

interface Plan {
  readonly against: Against;
  readonly rounds: number;
  readonly tests: readonly Measured[];
}

export async function runVersus(call: Call): Promise<number> {
  const plan = planOf(call);
  refuseClosedOutput();
  if (fromOutside(BENCH_INSIDE) === undefined) {
    refuseInVain(BENCH_INSIDE, "the private network of bench --vs");
    return runInside();
  }
  void endWithStarter();
  await prepareNetwork();
  const rows = await measureAll(plan);
  const { against, rounds } = plan;
  const { time, omit } = plan.tests[0]!.parameters;
  if (call.flags.has("json")) {
    print(`${JSON.stringify({ against, rounds, time, omit, iperf3: iperf3Path() !== null, versus: rows }, null, 2)}\n`);
    return EXIT_OK;
  }
  const what = against === "kernel" ? "the kernel's TCP over veth" : "a program that only reads and writes packets";
  printText(
    [
      `tcpnet over two TUN devices beside ${what}:`,
      `${rounds === 1 ? "one run" : `medians of ${rounds} runs`} of each, in turn, ${time} s each${omit === 0 ? "" : ` after ${omit} s that do not count`}`,
      "",
      ...versusTable(rows, against),
      "",
    ].join("\n"),
  );
  return EXIT_OK;
}

/** What the flags ask for: one test, or those that are usual. Throws CliError. */
export function planOf({ args, flags }: Call): Plan {
  const against = flags.text("vs");
  if (args.length > 0)
    throw usageError(
      `bench --vs takes no argument "${args[0]}"`,
      "",
      asTyped("for example: tcpnet bench --vs kernel -P 4"),
    );
  if (against !== "kernel" && against !== "pump") {
    throw usageError(`--vs ${against} is not possible`, "", "use --vs kernel or --vs pump");
  }
  refuseOthers(flags, ALLOWED, "bench --vs");
  const given = parametersOf(flags);
  if (given.num > 0) throw usageError("--bytes and --vs exclude each other", "all runs take the same time");
  const parameters = {
    ...given,
    time: secondsOf(flags, "time", 0.1, 86_400) ?? TIME_DEFAULT,
    omit: secondsOf(flags, "omit", 0, 600) ?? OMIT_DEFAULT,
  };
  const rounds = flags.whole("rounds", 1, 100) ?? ROUNDS_DEFAULT;
  if (against === "pump" && (given.mode !== "bulk" || given.reverse || given.bidirectional)) {
    throw usageError("the pump only moves data in one direction", "", "leave --rr, --crr, --reverse and --bidir out");
  }
  return { against, rounds, tests: testsOf(against, parameters, flags) };
}

function testsOf(against: Against, parameters: Parameters, flags: Flags): Measured[] {
  const offload = flags.has("offload");
  const isNamed = parameters.mode !== "bulk" || parameters.reverse || parameters.bidirectional || !offload;
  const given = measured(parameters, offload);
  if (isNamed) return [given];
  if (against === "pump") return [given, measured(parameters, false)];
  const small = { ...parameters, len: flags.text("len") === undefined ? 1 : parameters.len };
  return [given, measured({ ...small, mode: "rr" }, offload), measured({ ...small, mode: "crr" }, offload)];
}

function measured(parameters: Parameters, offload: boolean): Measured {
  const { mode, reverse, bidirectional, parallel, len } = parameters;
  const kind = mode === "bulk" ? (reverse ? "reverse" : bidirectional ? "bidir" : "bulk") : mode;
  const size = mode === "bulk" ? (len === LENGTH_DEFAULT ? "" : ` -l ${len}`) : len === 1 ? "" : ` -l ${len}`;
  const streams = parallel === 1 ? "" : ` -P ${parallel}`;
  const name = `${kind}${streams}${size}${offload ? "" : " no offload"}`;
  return { name, unit: mode === "bulk" ? "bit/s" : "per second", parameters, offload };
}

/** A B A B …, so that what disturbs the machine disturbs both. */
async function measureAll({ against, rounds, tests }: Plan): Promise<Comparison[]> {
  const rows: Comparison[] = [];
  for (const test of tests) {
    const far = against === "kernel" ? await FarNetwork.create(test.offload) : null;
    const [tcpnet, other]: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      sayProgress(`${test.name}: tcpnet, run ${round} of ${rounds}`);
      tcpnet.push(await measureTcpnet(test));
      sayProgress(`${test.name}: ${against}, run ${round} of ${rounds}`);
      const shape = test.offload ? SUPER_SEGMENT : ONE_SEGMENT;
      other.push(far === null ? await measurePump(shape, test.parameters.time) : await measureKernel(far, test));
    }
    await far?.close();
    rows.push(compared({ name: test.name, unit: test.unit, tcpnet, other }));
  }
  sayProgress("");
  return rows;
}

/** Runs this program again in a private network. When it ends, however it does, everything in there ends. */
async function runInside(): Promise<number> {
  const way = isolation({ processes: true });
  if ("refused" in way) {
    throw new CliError(
      EXIT_PERMISSION,
      "--vs needs a private network, which this system does not allow",
      way.refused,
      "run it as root on a machine with TUN devices",
    );
  }
  const child = Bun.spawn([...way.command, ...selfCommand(process.argv.slice(2))], {
    env: ownEnvironment({ [BENCH_INSIDE]: "1" }),
    stdio: ["pipe", "inherit", "inherit"],
  });
  let asked = 0;
  for (const [signal, code] of Object.entries(STOPS)) {
    process.on(signal as keyof typeof STOPS, () => {
      if (asked === 0) endEchoedKey();
      asked = code;
      void child.stdin.end();
    });
  }
  const code = await child.exited;
  return asked || code;
}

/** Our standard input closes when the program outside ends, or wants us to. We are the first process of a namespace. */
async function endWithStarter(): Promise<never> {
  for await (const _ of Bun.stdin.stream());
  process.exit(EXIT_SIGHUP);
}

/** Programs that `bench --vs` starts in its private network. Returns null if the words name none. */
export async function runPart({ args, flags }: Call): Promise<number | null> {
  const [name, ...numbers] = args;
  switch (name) {
    case KERNEL_SERVER:
      await runKernelServer();
      return EXIT_OK;
    case KERNEL_CLIENT:
      print(`${await runKernelClient(parametersOf(flags))}\n`);
      return EXIT_OK;
    case PUMP_WRITER: {
      const [size = 0, gsoSize = 0, seconds = 0] = numbers.map(Number);
      print(`${pumpWrite({ size, gsoSize }, seconds)}\n`);
      return EXIT_OK;
    }
    default:
      return null;
  }
}

async function runKernelServer(): Promise<void> {
  const server = new Server({
    transport: new KernelTransport("0.0.0.0", BENCH_PORT),
    report: () => new TextReport(() => {}, false),
    interval: 0,
    max: 1,
    oneOff: true,
    patience: 10_000,
    warn: (_, words) => say(words),
  });
  const running = server.run();
  print("Server listening\n");
  await running;
}

/** Hosts, links and routers in virtual time, and the programs that run on them. */
import { nextTurn } from "#driver/event-loop";
import { HostClock } from "./clock.ts";
import { callerOf, environment, replayLine, SEED_VARIABLE, SEEDS_END, seedOf, writeReport } from "./failure.ts";
import { installGlobals } from "./globals.ts";
import { type PacketFilter, packetLine, type WorldPacket } from "./packets.ts";
import { type Place, places } from "./place.ts";
import { Topology } from "./topology.ts";
import type { World, WorldOptions, WorldRunOptions } from "./types.ts";
import { microseconds, type Time } from "./units.ts";
import { checkOptions, invalid, WorldError } from "./world-error.ts";

const EPOCH = Date.UTC(2024, 0, 1);
const HOUR = 3_600_000_000;
/**
 * Turns of the event loop in which no program has called a stack or set a timer, after which it is believed that none will. Node's own modules put work off
 * into a next turn: TLS over a stream is seen to skip one between two calls, and to call in four.
 */
const QUIET_TURNS = 4;
/** What nobody has caught in the programs of hosts. */
const UNCAUGHT = ["uncaughtException", "unhandledRejection"] as const;
/** The world that runs: it has the program's clock. */
let running: VirtualWorld | null = null;

const complain = (text: string) => console.error(text);

/** @throws WorldError EINVAL */
export function createWorld(options: WorldOptions = {}): World {
  return new VirtualWorld(options, callerOf(new Error().stack ?? "", import.meta.url));
}

export class VirtualWorld extends Topology implements World {
  readonly seed: number;
  readonly #options: WorldOptions;
  readonly #file: string;
  readonly #outside: Place;
  readonly #epoch: number;
  /** Programs that start when the run does. */
  readonly #waiting: (() => void)[] = [];
  /** What happens in real time. */
  readonly #held = new Set<Promise<unknown>>();
  /** How often programs have called stacks or set timers. */
  #calls = 0;
  #failure: { readonly error: unknown } | null = null;

  /** @param file the program that makes it, for the line that replays a failure */
  constructor(options: WorldOptions, file: string) {
    checkOptions("a world", options, ["seed", "epoch", "report", "record", "print"]);
    const { epoch = EPOCH, record = true } = options;
    const seed = seedOf(environment()[SEED_VARIABLE]) ?? options.seed ?? 1;
    if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS_END)
      throw invalid(`seed must be a whole number from 0 to ${SEEDS_END - 1}, not ${JSON.stringify(seed)}`);
    if (!Number.isFinite(epoch)) throw invalid(`epoch must be a number of ms since 1970, not ${epoch}`);
    super(seed, record, () => this.#settle());
    this.#options = options;
    this.#file = file;
    this.seed = seed;
    this.#outside = {
      name: "",
      clock: new HostClock(() => this.sim.now),
      prng: this.sim.prng.fork(),
      isAlive: true,
      network: null,
    };
    this.#epoch = epoch;
  }

  /** Virtual time since the beginning, ms. */
  get now(): number {
    return this.sim.now / 1_000;
  }

  /** 16 hexadecimal digits that depend on every packet, on every decision of the stacks and on their order. */
  get digest(): string {
    return this.sim.log.digest();
  }

  /** Resolves after so much virtual time. @throws WorldError EINVAL if the world does not run */
  sleep(time: Time): Promise<void> {
    const duration = microseconds("the time", time);
    if (running !== this) throw invalid("virtual time passes only while the world runs: sleep in world.run(…)");
    const place = places.getStore();
    return new Promise((resolve) => {
      // What sleeps on a host that has crashed does not wake up.
      this.sim.after(duration, () => place?.isAlive !== false && resolve());
    });
  }

  /** Stops virtual time until something real is done, such as reading a file: `await world.hold(readFile(…))`. */
  async hold<T>(real: Promise<T>): Promise<T> {
    const done = real.then(
      () => {},
      () => {},
    );
    this.#held.add(done);
    await done;
    this.#held.delete(done);
    return real;
  }

  /** The packets so far, in the order in which they were sent, each once per link of its way. @throws WorldError EINVAL */
  packets(filter: PacketFilter | ((packet: WorldPacket) => boolean) = {}): WorldPacket[] {
    if (this.record === null) throw invalid("this world keeps no packets: it was made with record: false");
    if (typeof filter !== "function") for (const name of [filter.from, filter.to]) this.checkIsKnown(name);
    return this.record.packets.find(filter);
  }

  /** The first such packet. Throws an error that shows the packets there were if there is none, or not `count`. */
  expectPacket(filter: PacketFilter | ((packet: WorldPacket) => boolean), count?: number): WorldPacket {
    const found = this.packets(filter);
    if (count === undefined ? found.length > 0 : found.length === count) return found[0]!;
    const asked = typeof filter === "function" ? "that the function accepts" : JSON.stringify(filter);
    const near = (found.length > 0 ? found : this.packets()).slice(-20).map(packetLine);
    const wanted = count === undefined ? "a packet" : `${count} packets`;
    const those = found.length > 0 ? `${found.length}; the last of these` : "0; the last of all";
    throw new Error(
      near.length === 0
        ? `expected ${wanted} ${asked}, and no packet was sent at all`
        : `expected ${wanted} ${asked}, and there were ${those}:\n${near.join("\n")}`,
    );
  }

  /**
   * Runs `main` in virtual time, and with it the programs of all hosts, until it has ended. Time passes only when all that can go on has done
   * so. Meanwhile the program's timers, clocks and random numbers are those of this world. If it fails, the line that replays it is printed, and
   * a report is written. @throws what `main` or a host's program throws; WorldError ETIMEDOUT, EDEADLK
   */
  async run<T>(main: (world: World) => T, options: WorldRunOptions = {}): Promise<Awaited<T>> {
    checkOptions("run", options, ["until"]);
    if (running !== null) throw invalid("one world runs at a time: await the run of the other one first");
    const until = options.until === undefined ? this.sim.now + HOUR : microseconds("until", options.until);
    running = this;
    const uninstall = installGlobals(this.#source());
    const failed = (error: unknown) => this.#fail(error);
    for (const each of UNCAUGHT) process.on(each, failed);
    const restore = () => {
      uninstall();
      for (const each of UNCAUGHT) process.off(each, failed);
    };
    try {
      return await this.#run(main, until);
    } catch (error) {
      restore();
      await this.#tell(error);
      throw error;
    } finally {
      restore();
      running = null;
    }
  }

  async #run<T>(main: (world: World) => T, until: number): Promise<Awaited<T>> {
    let done: { readonly value: Awaited<T> } | null = null;
    this.#failure = null;
    for (const start of this.#waiting.splice(0)) start();
    places
      .run(this.#outside, async (): Promise<Awaited<T>> => await main(this))
      .then(
        (value) => {
          done = { value };
        },
        (error) => this.#fail(error),
      );
    let last = this.now;
    const stop = () => {
      last = this.now;
      return done !== null || this.#failure !== null;
    };
    const end = await this.sim.runSettled({ until, stop });
    const failure = this.#failure as { readonly error: unknown } | null;
    if (failure !== null) throw failure.error;
    const result = done as { readonly value: Awaited<T> } | null;
    if (result !== null) return result.value;
    if (end === "idle")
      throw new WorldError(
        "EDEADLK",
        `the run still waits, and after ${last} ms nothing is left that could happen; ` +
          "if it waits for something real, such as a file: await world.hold(…)",
      );
    throw new WorldError("ETIMEDOUT", `the run was not done by ${until / 1_000} ms of virtual time`);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Says how to replay a failure. */
  async #tell(error: unknown): Promise<void> {
    const { report, print = complain } = this.#options;
    const line = replayLine(this.seed, this.#file, environment(), process.cwd(), "Bun" in globalThis);
    const message = error instanceof Error ? error.message.split("\n")[0] : String(error);
    const at = (this.now / 1_000).toFixed(6);
    print(`seed ${this.seed} failed after ${at} s of virtual time: ${message}\n  replay: ${line}`);
    const alone = this.unlinked();
    if (alone.length > 0) print(`  without a link, so without a network: ${alone.join(", ")}`);
    if (this.record === null || report === false) return;
    this.record.read();
    const { started } = this.record;
    const recording = {
      seed: this.seed,
      title: `seed ${this.seed}: ${message}`,
      started,
      events: this.record.whole(this.sim.now),
    };
    try {
      const written = await writeReport(report ?? null, this.#file, recording);
      if (written !== "") print(`  report: ${written}`);
    } catch (error) {
      // The run's own failure is what counts: it is thrown all the same.
      print(`  no report: ${(error as Error).message}`);
    }
  }

  protected get running() {
    return {
      called: () => {
        this.#calls++;
      },
      isRunning: () => running === this,
      whenRunning: (call: () => void) => {
        if (running === this) call();
        else this.#waiting.push(call);
      },
      died: (error: unknown) => this.#fail(error),
    };
  }

  async #settle(): Promise<void> {
    do {
      for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
        const calls = this.#calls;
        await nextTurn();
        if (this.#calls !== calls) quiet = -1;
      }
      if (this.#held.size > 0) await Promise.all(this.#held);
    } while (this.#held.size > 0);
  }

  #source() {
    const place = () => places.getStore() ?? this.#outside;
    return {
      epoch: this.#epoch,
      at: (time: number, call: () => void) => {
        this.#calls++;
        return this.sim.at(time, call);
      },
      clock: () => place().clock,
      prng: () => place().prng,
      uncaught: (error: unknown) => this.#fail(error),
    };
  }
}

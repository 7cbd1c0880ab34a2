/** What programs see of a world. */
import type { NodeNet } from "#node/net";
import type { NetStack, StackSettings } from "#socket/stack-types";
import type { PacketFilter, WorldPacket } from "./packets.ts";
import type { Time } from "./units.ts";

/** What a world is made with. */
export interface WorldOptions {
  /** All that is random depends on it. Default 1. The variable TCPNET_SEED replaces it. */
  readonly seed?: number;
  /** The time of day at the beginning, ms since 1970. Default: 2024-01-01T00:00:00Z. */
  readonly epoch?: number;
  /**
   * Where the report of a run that fails goes, without its ending; false: nowhere. Default: `node_modules/.cache/tcpnet-sim/FILE-seed-N`, if
   * there is a node_modules in the current folder.
   */
  readonly report?: string | false;
  /** Whether packets and events are kept, for `packets`, `expectPacket` and the report. Default true. */
  readonly record?: boolean;
  /** Takes the lines that are said of a failure. Default: `console.error`. */
  readonly print?: (text: string) => void;
}

/** Options of `World.run`. */
export interface WorldRunOptions {
  /** The virtual time by which it must be done, from the world's beginning. Default one hour after now. */
  readonly until?: Time;
}

/** What a host is made with. */
export interface WorldHostOptions {
  /** Default: 10.0.0.1, 10.0.0.2 … An address of IPv6 may be among several. */
  readonly address?: string | readonly string[];
  /** Added to the host's time of day, ms. */
  readonly skew?: number;
  /** Parts in a million by which its clocks are fast: 50, "50ppm", "-0.2%". Default 0. */
  readonly drift?: number | string;
  /** Settings of its stack. */
  readonly stack?: Pick<StackSettings, "params" | "profile" | "limits">;
  /** Octets of the largest IP packet. Default 1500. */
  readonly mtu?: number;
}

/** A program that a host runs, from its start to its end or its host's crash. */
export type Main = (host: WorldHost) => unknown;

/** A host of a world: a stack, and what runs on it. */
export interface WorldHost {
  /** What it is called in links, in packets and by other hosts. */
  readonly name: string;
  /** The first of its addresses. Programs may also use the name: hosts of a world know each other's. */
  readonly address: string;
  /** What survives a crash: whatever the application puts there. */
  readonly disk: Map<string, unknown>;
  /** Added to the time of day (`Date`) on this host, ms; timers do not know of it. */
  skew: number;
  /**
   * Parts in a million by which all its clocks are fast: `Date`, `performance.now`, `process.hrtime`, and the timers of its programs, also those that
   * are set already. It may be set to "50ppm" or "-0.2%" as well, at most a tenth. The timers of its stack keep true time.
   */
  get drift(): number;
  /** 50, "50ppm", "-0.2%". @throws WorldError EINVAL */
  set drift(drift: number | string);
  /** False from a crash to the restart. */
  readonly isUp: boolean;
  /** @throws WorldError EHOSTDOWN */
  readonly stack: NetStack;
  /** `node:net` of this host's stack. @throws WorldError EHOSTDOWN */
  readonly net: NodeNet;
  /** `fetch` of this host's stack. @throws WorldError EHOSTDOWN */
  readonly fetch: typeof fetch;
  /**
   * Runs `work` on this host, while the world runs: `net`, `http`, `fetch`, the clock and random numbers are this host's, there and in all that it
   * sets going. @throws WorldError EHOSTDOWN, EINVAL
   */
  run<T>(work: (host: WorldHost) => T): T;
  /** Starts the host's program: now, or when the world's `run` begins, and after each `restart`. If it throws, `run` fails. */
  start(main: Main): this;
  /** The power fails: nothing more is sent, timers and callbacks of its program never come. What is on its `disk` is kept. @throws WorldError EHOSTDOWN */
  crash(): void;
  /** Boots it with a new stack, after a crash if there was none, and starts its program again. */
  restart(): void;
}

/** A link of a world. */
export interface WorldLink {
  /** "a-b". */
  readonly name: string;
  /** What it does to packets, in the words of `set`. */
  readonly words: string;
  /** Between `cut` and `mend`. */
  readonly isCut: boolean;
  /**
   * Another link from now on: "loss 5% delay 80ms", "out rate 1mbit in loss 10%" (`out` is from the end that was named first), "clear". What is
   * not named is clear. @throws WorldError EINVAL
   */
  set(words: string): this;
  /** Nothing passes until `mend`. */
  cut(): this;
  /** As before `cut`. */
  mend(): this;
}

/** A router of a world: it forwards between its links in no time. */
export interface WorldRouter {
  /** What it is called in links. */
  readonly name: string;
  /** How often each thing has happened, by name: "router.forwarded", "router.ttl" … */
  counters(): Record<string, number>;
}

/** An end of a link, or its name. */
export type End = WorldHost | WorldRouter | string;

/** Hosts, links and routers in virtual time. */
export interface World {
  /** What all that is random depends on. */
  readonly seed: number;
  /** Virtual time since the beginning, ms. */
  readonly now: number;
  /** 16 hexadecimal digits that depend on every packet, on every decision of the stacks and on their order. */
  readonly digest: string;
  /** The host of that name, which is made when it is named first. @throws WorldError EINVAL */
  host(name: string, options?: WorldHostOptions): WorldHost;
  /** The router of that name, which is made when it is named first. @throws WorldError EINVAL */
  router(name: string): WorldRouter;
  /**
   * The link between two ends, which is made when it is asked for first; hosts that are named first here are made, too. Packets take the way
   * with the fewest links. @param words what it does to packets, as `WorldLink.set`. Default: clear. @throws WorldError EINVAL
   */
  link(a: End, b: End, words?: string): WorldLink;
  /** Links each of these hosts with each other. @throws WorldError EINVAL */
  mesh(hosts: readonly End[], words?: string): WorldLink[];
  /** From now on no packet is sent from one group of hosts to another, until `heal`. With one group: to and from all others. */
  partition(...groups: readonly (readonly (WorldHost | string)[])[]): void;
  /** From now on nothing is sent from one host to another, until `heal`; the other direction is as before. */
  block(from: WorldHost | string, to: WorldHost | string): void;
  /** Ends all partitions, and mends all links. */
  heal(): void;
  /** `WorldHost.crash`. */
  crash(host: WorldHost | string): void;
  /** `WorldHost.restart`. */
  restart(host: WorldHost | string): void;
  /** Resolves after so much virtual time. @throws WorldError EINVAL if the world does not run */
  sleep(time: Time): Promise<void>;
  /** Stops virtual time until something real is done, such as reading a file: `await world.hold(readFile(…))`. */
  hold<T>(real: Promise<T>): Promise<T>;
  /** The packets so far, in the order in which they were sent, each once per link of its way. @throws WorldError EINVAL */
  packets(filter?: PacketFilter | ((packet: WorldPacket) => boolean)): WorldPacket[];
  /** The first such packet. Throws an error that shows the packets there were if there is none, or not `count`. */
  expectPacket(filter: PacketFilter | ((packet: WorldPacket) => boolean), count?: number): WorldPacket;
  /**
   * Runs `main` in virtual time, and with it the programs of all hosts, until it has ended. Time passes only when all that can go on has done
   * so. Meanwhile the program's timers, clocks and random numbers are those of this world. If it fails, the line that replays it is printed, and
   * a report is written. @throws what `main` or a host's program throws; WorldError ETIMEDOUT, EDEADLK
   */
  run<T>(main: (world: World) => T, options?: WorldRunOptions): Promise<Awaited<T>>;
}

/** Builds a scenario, runs it under the eyes of witnesses, and judges its end. */
import { Prng } from "#base/prng";
import { SipHash } from "#base/siphash";
import { HOUR, MINUTE } from "#base/time";
import type { LinkProfile } from "#device/link-profile";
import { parseLinks } from "#device/link-words";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { type Address, parseAddress } from "#ip/address";
import type { Describe } from "#lab/sim/event-log";
import { SimHost } from "#lab/sim/host";
import type { SimNode } from "#lab/sim/node";
import type { Router } from "#lab/sim/router";
import { Simulation, type Wires } from "#lab/sim/simulation";
import { CallError } from "#stack/call-error";
import { Stack } from "#stack/stack";
import { initialSequence } from "#tcp/open/isn";
import { PlannedApplication, Stream } from "./application.ts";
import { attack } from "./attack.ts";
import { isRough, isRude, judge } from "./judge.ts";
import type { ConnectionPlan, HostPlan, Scenario, SidePlan } from "./scenario.ts";
import { Besiegers } from "./siege.ts";
import { Violation } from "./violation.ts";
import { Witness } from "./witness.ts";

/** Events and virtual time after which a run has not come to an end. */
const EVENTS_MAX = 500_000;
const TIME_MAX = 6 * HOUR;
/** Octets of a machine's memory. */
const MEMORY = 24 << 20;
/** Where one side may give up or forget, nobody tells an idle peer: its user gives up after this time. */
const PATIENCE = 40 * MINUTE;

export interface Report {
  readonly violation: Violation | undefined;
  /** Another error than a violation: an assertion of the engine. */
  readonly error: Error | undefined;
  readonly events: number;
  readonly packets: number;
  readonly bytes: number;
  /** Virtual µs. */
  readonly time: number;
  readonly digest: string;
  /** What the stacks counted at least once. */
  readonly marks: ReadonlySet<string>;
}

/** A machine of the scenario, with all the witnesses of its lives. */
export interface Machine {
  readonly host: SimHost;
  witness: Witness;
  readonly address: Address;
  readonly lives: Witness[];
  /** Packets that did not come by a wire. */
  forged: number;
}

/** Both ends of one planned connection. */
export interface Pair {
  readonly plan: ConnectionPlan;
  readonly opener: PlannedApplication;
  readonly acceptor: PlannedApplication;
  readonly ends: { readonly opener: Machine; readonly acceptor: Machine };
  /** `connect` was refused (a 4-tuple that is still in use). */
  refused: boolean;
  /** Its SYN made another connection after the acceptor's was over, as with Fast Open it may (RFC 7413 §6). */
  repeated: boolean;
  /** The opener's initial sequence number, once it has opened. */
  iss: number | undefined;
}

export class World {
  readonly scenario: Scenario;
  readonly sim: Simulation;
  readonly left: Machine[];
  readonly right: Machine[];
  readonly pairs: Pair[] = [];
  readonly wires: Wires[] = [];
  readonly accessWires: Wires[] = [];
  besiegers: Besiegers | undefined;
  #lives = 0;

  constructor(scenario: Scenario, line?: (text: string) => void, describe?: Describe) {
    this.scenario = scenario;
    const start = startOf(scenario);
    this.sim = new Simulation({ seed: scenario.seed, start, line, describe, errors: { tooBig, timeExceeded } });
    this.left = scenario.left.map((plan, i) => this.#machine(`L${i}`, "left", i, plan));
    this.right = scenario.right.map((plan, i) => this.#machine(`R${i}`, "right", i, plan));
    this.#topology();
    scenario.connections.forEach((plan, i) => void this.sim.at(start + plan.at, () => this.#open(plan, i)));
    const { siege } = scenario;
    if (siege !== undefined) {
      this.sim.at(start + siege.at, () => {
        this.besiegers = new Besiegers(this, this[siege.side][0]!, siege, rttMinOf(scenario));
      });
    }
    for (const { side, host, at } of scenario.restarts) this.sim.at(start + at, () => this.#restart(side, host));
  }

  /** Virtual µs since the beginning. */
  get elapsed(): number {
    return this.sim.now - startOf(this.scenario);
  }

  get machines(): Machine[] {
    return [...this.left, ...this.right];
  }

  run(): Report {
    let violation: Violation | undefined;
    let failed: Error | undefined;
    try {
      this.#run();
      judge(this);
    } catch (error) {
      if (error instanceof Violation) violation = error;
      else failed = error instanceof Error ? error : new Error(String(error));
    }
    const lives = this.machines.flatMap((machine) => machine.lives);
    return {
      violation,
      error: failed,
      events: this.sim.events,
      packets: lives.reduce((sum, life) => sum + life.packetsOut, 0),
      bytes: this.pairs.reduce((sum, { opener, acceptor }) => sum + opener.got + acceptor.got, 0),
      time: this.sim.now - startOf(this.scenario),
      digest: this.sim.log.digest(),
      marks: new Set(lives.flatMap(({ stack }) => Object.keys(stack.counters.snapshot()))),
    };
  }

  #run(): void {
    const { sim } = this;
    const machines = this.machines;
    const end = startOf(this.scenario) + TIME_MAX;
    while (sim.step(end)) {
      // A node that was just woken has its turn yet to come.
      for (const { witness, host } of machines) if (host.node.nextDeadline() > sim.now) witness.verify(sim.now);
      if (sim.events > EVENTS_MAX) throw new Violation("every connection ends", `${EVENTS_MAX} events`);
    }
  }

  #machine(name: string, side: "left" | "right", i: number, plan: HostPlan): Machine {
    const address = addressOf(this.scenario, side, i);
    const { siege } = this.scenario;
    const memory = siege?.side === side && i === 0 ? siege.memory : MEMORY;
    const stack = this.#stack(address, plan, secretOf(this.scenario, side, i), memory);
    const witness = new Witness(name, stack, rttMinOf(this.scenario), keepsSacked(this.scenario));
    const host = new SimHost(this.sim, name, stack, witness);
    const machine: Machine = { host, witness, address, lives: [witness], forged: 0 };
    this.#listen(machine, side, i);
    return machine;
  }

  #stack(address: Address, plan: HostPlan, secret: readonly [number, number], memory = MEMORY): Stack {
    const seed = this.scenario.seed * 31 + this.#lives++;
    // Half-open connections are rows from the beginning, or only when they have waited.
    const halfOpenInFull = this.scenario.seed % 2 === 0 ? 0 : 64;
    const limits = { memory, halfOpenInFull, ...(plan.records > 0 ? { records: plan.records } : {}) };
    return new Stack({ addresses: [address], mtu: 1500, seed, secret, params: plan.params, limits, trace: 4096 });
  }

  #topology(): void {
    const { sim, scenario } = this;
    const { hops } = scenario;
    const wide = scenario.left.length + scenario.right.length > 2 || hops.length > 1;
    if (!wide) {
      this.#hop(this.left[0]!.host.node, this.right[0]!.host.node, 0);
      return;
    }
    const routers = Array.from({ length: hops.length + 1 }, (_, i) => sim.router(`r${i}`));
    const [leftNet, rightNet] = scenario.family === 4 ? ["10.0.0.0/16", "10.1.0.0/16"] : ["fd00:a::/32", "fd00:b::/32"];
    hops.forEach((_, i) => {
      const { there, back } = this.#hop(routers[i]!, routers[i + 1]!, i);
      routers[i]!.routes.add(rightNet, there);
      routers[i + 1]!.routes.add(leftNet, back);
    });
    for (const machine of this.left) this.#access(machine, routers[0]!);
    for (const machine of this.right) this.#access(machine, routers.at(-1)!);
    // With defaults both ways a damaged address would go to and fro, and be duplicated at each turn.
    for (const router of routers) router.routes.default = undefined;
  }

  #access(machine: Machine, router: Router): void {
    const wires = this.sim.connect(machine.host.node, router);
    const { address } = machine;
    router.routes.add(`${address}/${address.family === 4 ? 32 : 128}`, wires.back);
    this.accessWires.push(wires);
  }

  #hop(a: SimNode | Router, b: SimNode | Router, i: number): Wires {
    const { link, changes } = this.scenario.hops[i]!;
    const { out, in: back } = parseLinks(link);
    const wires = this.sim.connect(a, b, { there: out, back });
    this.wires.push(wires);
    for (const change of changes) {
      this.sim.at(startOf(this.scenario) + change.at, () => {
        const profiles = parseLinks(change.link);
        wires.there.set(profiles.out);
        wires.back.set(profiles.in);
      });
    }
    return wires;
  }

  #listen(machine: Machine, side: "left" | "right", i: number): void {
    this.scenario.connections.forEach((plan, index) => {
      if (plan.simultaneous || plan.opener === side || plan[side] !== i) return;
      try {
        machine.host.listen(plan.port, (tcb) => {
          const pair = this.#pairOf(tcb.remotePort, tcb.rcv.irs);
          // Of a plan that was not carried out, or again by an old SYN: an application that only closes.
          if (pair === undefined || pair.acceptor.tcb !== undefined || pair.acceptor.outcome !== undefined) {
            if (pair !== undefined) pair.repeated = true;
            return this.#application(`${machine.host.name} nobody`, NOBODY, machine, index, 7);
          }
          pair.acceptor.tcb = tcb;
          return pair.acceptor;
        });
      } catch (error) {
        // Two plans with one port share the listener.
        if (!(error instanceof CallError)) throw error;
      }
    });
  }

  /** The plan that this very SYN belongs to: an old duplicate is nobody's. */
  #pairOf(openerPort: number, irs: number): Pair | undefined {
    return this.pairs.find(({ plan, iss }) => plan.openerPort === openerPort && iss === irs);
  }

  #application(name: string, plan: SidePlan, machine: Machine, index: number, side: number): PlannedApplication {
    const streams = {
      out: new Stream(index * 16 + side),
      in: side < 2 ? new Stream(index * 16 + (side ^ 1)) : undefined,
    };
    return new PlannedApplication(name, plan, streams, this.sim, machine.host.stack, () => machine.host.node.wake());
  }

  #open(plan: ConnectionPlan, index: number): void {
    const [near, far] = plan.opener === "left" ? [this.left, this.right] : [this.right, this.left];
    const other = plan.opener === "left" ? "right" : "left";
    const from = near[plan[plan.opener]]!;
    const to = far[plan[other]]!;
    const opener = this.#application(`#${index} opener`, plan.open, from, index, 0);
    const acceptor = this.#application(`#${index} acceptor`, plan.accept, to, index, 1);
    const ends = { opener: from, acceptor: to };
    const pair: Pair = { plan, opener, acceptor, ends, refused: false, repeated: false, iss: undefined };
    this.pairs.push(pair);
    try {
      opener.tcb = from.host.connect(to.address, plan.port, opener, { localPort: plan.openerPort });
      pair.iss = opener.tcb.snd.iss;
      // What it has to say goes with the SYN.
      if (opener.tcb.params.fastOpen) opener.onEvents(opener.tcb, 0);
      if (plan.simultaneous) {
        acceptor.tcb = to.host.connect(from.address, plan.openerPort, acceptor, { localPort: plan.port });
      }
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      pair.refused = true;
    }
    const { sim } = this;
    for (const each of plan.attacks)
      sim.at(startOf(this.scenario) + Math.max(each.at, plan.at), () => attack(pair, each));
    if (isRough(this.scenario) || isRude(plan)) {
      sim.after(PATIENCE, () => {
        opener.giveUp();
        acceptor.giveUp();
      });
    }
  }

  #restart(side: "left" | "right", i: number): void {
    const machine = this[side][i]!;
    for (const { opener, acceptor, ends } of this.pairs) {
      if (ends.opener === machine) opener.lost();
      if (ends.acceptor === machine) acceptor.lost();
    }
    const { seed } = this.scenario;
    const secret = [Math.imul(seed, 0x9e37) ^ this.#lives, 0x51ed + this.#lives] as const;
    const stack = this.#stack(machine.address, this.scenario[side][i]!, secret);
    const witness = new Witness(`${machine.host.name}'`, stack, rttMinOf(this.scenario), keepsSacked(this.scenario));
    machine.witness = witness;
    machine.lives.push(witness);
    machine.host.restart(stack, witness);
    this.#listen(machine, side, i);
  }
}

/** What an application does that was not planned. */
const NOBODY: SidePlan = {
  bytes: 0,
  write: 1,
  writePause: 0,
  read: 65_536,
  readPause: 0,
  stallAt: 0,
  stallFor: 0,
  end: "close",
  abortAt: 0,
};

function addressOf(scenario: Scenario, side: "left" | "right", i: number): Address {
  const [net, host] = side === "left" ? [0, 7] : [1, 5];
  const text = scenario.family === 4 ? `10.${net}.${i}.${host}` : `fd00:${net === 0 ? "a" : "b"}:${i}::${host}`;
  return parseAddress(text)!;
}

/** The secret decides where the initial sequence numbers lie: near the wrap, if the scenario wants that. */
function secretOf(scenario: Scenario, side: "left" | "right", i: number): readonly [number, number] {
  const prng = new Prng(scenario.seed ^ (side === "left" ? 0x1eaf : 0x916e) ^ (i << 20));
  const first = scenario.connections[0];
  const key = [prng.int32(), prng.int32()] as const;
  if (scenario.wrap === undefined || first === undefined || first.opener === side || first[side] !== i) return key;
  // The other side's numbers follow from the start of the clock; of these some thousand secrets one comes close as well.
  const now = startOf(scenario) + first.at;
  const target = targetOf(scenario.wrap);
  let best = key;
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 4096; tries++) {
    const candidate = [prng.int32(), prng.int32()] as const;
    const distance = (target - issOf(scenario, first, side, candidate, now)) | 0;
    if (distance >= 0 && distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** What the clock shows when the scenario begins: with the opener's ISS where it is wanted (RFC 6528: M is that clock). */
function startOf(scenario: Scenario): number {
  const first = scenario.connections[0];
  if (scenario.wrap === undefined || first === undefined) return 0;
  const offset = issOf(scenario, first, first.opener, secretOf(scenario, first.opener, first[first.opener]), 0);
  return 4 * ((targetOf(scenario.wrap) - offset) >>> 0) + 4 * 2 ** 32 - first.at;
}

function targetOf(wrap: { readonly at: "sign" | "zero"; readonly before: number }): number {
  return ((wrap.at === "sign" ? 0x80000000 : 0) - wrap.before) | 0;
}

function issOf(
  scenario: Scenario,
  plan: ConnectionPlan,
  side: "left" | "right",
  secret: readonly [number, number],
  now: number,
): number {
  const other = side === "left" ? "right" : "left";
  const local = addressOf(scenario, side, plan[side]);
  const remote = addressOf(scenario, other, plan[other]);
  const ports =
    side === plan.opener ? ([plan.openerPort, plan.port] as const) : ([plan.port, plan.openerPort] as const);
  return initialSequence(new SipHash(secret[0], secret[1]), local, ports[0], remote, ports[1], now);
}

/** No host counts the memory of segments, none is under siege: such a host may drop what it has SACKed. */
function keepsSacked({ left, right, siege }: Scenario): boolean {
  return siege === undefined && [...left, ...right].every(({ params }) => params.receiveBufferCounts !== "memory");
}

/** The least that a packet and its answer can take. */
function rttMinOf({ hops }: Scenario): number {
  const least = ({ delay, jitter, reorder }: LinkProfile) =>
    reorder.probability > 0 ? 0 : Math.max(0, delay - (jitter.distribution === "normal" ? 4 : 1) * jitter.spread);
  let sum = 0;
  for (const { link, changes } of hops) {
    const all = [link, ...changes.map((change) => change.link)].map((text) => parseLinks(text));
    sum += Math.min(...all.map(({ out }) => least(out))) + Math.min(...all.map((both) => least(both.in)));
  }
  return sum;
}

import { Prng } from "#base/prng";
import { HOUR, MILLISECOND, SECOND } from "#base/time";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";
import type { TcpSettings } from "#tcp/words/params";
import { RFC9293 } from "#tcp/words/profiles";
import {
  ATTACKS,
  type Attack,
  type ConnectionPlan,
  HOLDS,
  type Hop,
  type HostPlan,
  type Restart,
  type Scenario,
  type SidePlan,
  type Siege,
} from "./scenario.ts";

/** A scenario from a seed. Each seed turns some dimensions on and leaves others off, so that not everything is always average. */
export function generate(seed: number): Scenario {
  const draw = new Draw(seed);
  const dumbbell = draw.chance(0.2);
  const hosts = () => Array.from({ length: dumbbell ? 2 : 1 }, () => host(draw));
  const left = hosts();
  const right = hosts();
  const slow = draw.chance(0.1);
  const shared = { ...fastOpen(new Draw(~seed)), ...rates(new Draw(seed ^ RATES)) };
  const memory = new Draw(seed ^ 0x6d656d);
  const count = dumbbell ? draw.between(2, 5) : draw.pick([1, 1, 1, 2, 3]);
  const connections: ConnectionPlan[] = [];
  for (let i = 0; i < count; i++) connections.push(connection(draw, i, left.length, right.length, slow));
  const restarts: Restart[] = draw.chance(0.08)
    ? [{ side: draw.pick(["left", "right"]), host: 0, at: draw.between(50 * MILLISECOND, 3 * SECOND) }]
    : [];
  if (restarts.length > 0) {
    // Both opening at once, the survivor would rightly take the second attempt for its peer.
    connections[0] = { ...connections[0]!, simultaneous: false };
    connections.push(again(connections[0], restarts[0]!.at + draw.between(1, 2 * SECOND)));
  }
  return {
    seed,
    family: draw.chance(0.25) ? 6 : 4,
    wrap: draw.chance(0.3) ? { at: draw.pick(["sign", "zero"]), before: draw.magnitude(1, 60_000) } : undefined,
    hops: hops(draw, dumbbell, slow),
    left: left.map((plan) => ({ ...plan, params: { ...plan.params, ...shared, ...receiveMemory(memory) } })),
    right: right.map((plan) => ({ ...plan, params: { ...plan.params, ...shared, ...receiveMemory(memory) } })),
    connections,
    restarts,
  };
}

/** The scenario of a seed, with attackers who hold what they can of one machine, which has little memory. */
export function besieged(seed: number): Scenario {
  return { ...generate(seed), siege: siege(new Draw(seed ^ 0x51e6e)) };
}

function siege(draw: Draw): Siege {
  draw.chance(0);
  const first = draw.between(0, HOLDS.length - 1);
  return {
    side: draw.pick(["left", "right"]),
    attackers: draw.between(4, 40),
    kinds: Array.from({ length: draw.between(1, HOLDS.length) }, (_, i) => HOLDS[(first + i) % HOLDS.length]!),
    at: draw.magnitude(1, SECOND),
    until: 2 * HOUR,
    memory: draw.pick([3, 4, 6]) << 20,
  };
}

class Draw {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 4; i++) this.#prng.int32();
  }

  chance(probability: number): boolean {
    return this.#prng.chance(probability);
  }

  /** An integer, both ends included. */
  between(least: number, most: number): number {
    return least + this.#prng.below(most - least + 1);
  }

  /** The same with every order of magnitude as likely. */
  magnitude(least: number, most: number): number {
    return Math.round(Math.exp(Math.log(least) + this.#prng.unit() * (Math.log(most) - Math.log(least))));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.#prng.below(from.length)]!;
  }
}

/** What the judge knows as RFC 6298's rule or as an attack: SYNs that do not back off, a timestamp of the tick before, an RST with the number of the FIN. */
const STRICT: TcpSettings = { linearSynTimeouts: 0, pawsSlack: 0, acceptResetAtFin: false };

function host(draw: Draw): HostPlan {
  const params: TcpSettings = {};
  if (draw.chance(0.3)) params.sack = false;
  if (draw.chance(0.3)) params.timestamps = false;
  if (draw.chance(0.25)) params.windowScale = false;
  if (draw.chance(0.4)) params.nagle = draw.pick(["off", "rfc896"]);
  if (draw.chance(0.5)) params.congestionControl = "newreno";
  if (draw.chance(0.4)) params.ecn = draw.pick(["on", "off"]);
  if (draw.chance(0.4)) {
    params.receiveBuffer = draw.magnitude(200, 200_000);
    params.receiveBufferMax = Math.max(params.receiveBuffer, draw.magnitude(200, 1 << 22));
  }
  if (draw.chance(0.3)) params.sendBuffer = draw.magnitude(100, 200_000);
  if (draw.chance(0.2)) params.mss = draw.magnitude(88, 1400);
  if (draw.chance(0.2)) params.probeWithData = true;
  if (draw.chance(0.1)) params.userTimeout = draw.magnitude(5, 200) * SECOND;
  if (draw.chance(0.1)) {
    params.keepAlive = true;
    params.keepAliveIdle = draw.magnitude(1, 60) * SECOND;
    params.keepAliveInterval = draw.magnitude(1, 20) * SECOND;
    params.keepAliveCount = draw.between(2, 9);
  }
  if (draw.chance(0.1)) params.delayedAck = draw.pick([0, 200 * MILLISECOND]);
  if (draw.chance(0.2)) params.quickAcks = draw.pick([0, 2]);
  if (draw.chance(0.1)) params.initialWindow = draw.pick([1, 2, 4]);
  if (draw.chance(0.1)) params.slowStartAfterIdle = false;
  if (draw.chance(0.3)) params.timeWait = draw.pick([30, 120]) * SECOND;
  if (draw.chance(0.1)) params.rtoMin = draw.pick([20 * MILLISECOND, SECOND]);
  Object.assign(params, draw.chance(0.25) ? RFC9293 : STRICT);
  return { params, records: draw.chance(0.04) ? draw.between(8, 64) : 0 };
}

/** Data on SYNs, with cookies (from the second connection of a pair of hosts on) or without. */
function fastOpen(draw: Draw): TcpSettings {
  if (!draw.chance(0.35)) return {};
  return {
    fastOpen: true,
    fastOpenBacklog: draw.pick([1, 4, 64]),
    fastOpenCookieless: draw.chance(0.6),
    fastOpenPause: draw.pick([0, 1, 60]) * SECOND,
  };
}

/** A receive buffer that counts the memory of segments, as in Linux; often a small one, which small segments fill by their memory. */
function receiveMemory(draw: Draw): TcpSettings {
  if (!draw.chance(0.2)) return {};
  const params: TcpSettings = { receiveBufferCounts: "memory" };
  if (draw.chance(0.6)) {
    params.receiveBuffer = draw.magnitude(1_200, 12_000);
    params.receiveBufferMax = params.receiveBuffer;
    params.mss = draw.magnitude(88, 300);
  }
  return params;
}

/** Draws of rates do not disturb the others: a seed without them is what it was. */
const RATES = 0x72617465;

/** Every congestion control, paced or not, at any rate. */
function rates(draw: Draw): TcpSettings {
  const params: TcpSettings = {};
  if (draw.chance(0.25)) params.congestionControl = draw.pick(CONGESTION_CONTROLS);
  if (params.congestionControl === "fixed") params.fixedWindow = draw.magnitude(1, 300);
  if (draw.chance(0.15)) params.pacing = true;
  if (draw.chance(0.1)) params.pacingRateMax = draw.magnitude(2_000, 10_000_000);
  if (params.congestionControl === "bbr" && draw.chance(0.3)) params.bbrLossWithoutQueue = 0;
  return params;
}

function hops(draw: Draw, dumbbell: boolean, slow: boolean): Hop[] {
  const count = dumbbell ? 1 : draw.pick([1, 1, 1, 2, 3]);
  // More than one place that flips bits could flip one back unnoticed: a checksum is no more than that.
  let corrupt = draw.chance(0.2);
  return Array.from({ length: count }, () => {
    const link = words(draw, corrupt, slow);
    const changes = draw.chance(0.15)
      ? [{ at: draw.magnitude(10 * MILLISECOND, 5 * SECOND), link: words(draw, corrupt, slow) }]
      : [];
    corrupt = false;
    return { link, changes };
  });
}

function words(draw: Draw, corrupt: boolean, slow: boolean): string {
  if (!draw.chance(0.35)) return `${direction(draw, corrupt, slow)}`;
  return `out ${direction(draw, corrupt, slow)} in ${direction(draw, corrupt, slow)}`;
}

function direction(draw: Draw, corrupt: boolean, slow: boolean): string {
  const parts = [
    `delay ${draw.pick([draw.magnitude(50, 2_000), draw.magnitude(1_000, 100_000), draw.magnitude(50_000, 1_500_000)])}us`,
  ];
  if (draw.chance(0.25)) parts.push(`jitter ${draw.magnitude(100, 30_000)}us${draw.chance(0.4) ? " overtakes" : ""}`);
  parts.push(...loss(draw));
  if (draw.chance(0.15)) parts.push(`duplicate ${draw.pick([1, 5, 30])}%`);
  if (draw.chance(0.2)) parts.push(`reorder ${draw.pick([1, 5, 25])}%`);
  if (corrupt) parts.push(`corrupt ${draw.pick([0.2, 1, 3])}%`);
  if (slow || draw.chance(0.4)) {
    parts.push(`rate ${slow ? draw.magnitude(20, 500) : draw.magnitude(300, 100_000)}kbit`);
    if (draw.chance(0.5)) parts.push(`queue ${draw.magnitude(5, 300)}`);
    if (draw.chance(0.15)) parts.push(draw.pick(["codel", "codel ecn"]));
    if (draw.chance(0.15)) parts.push(`ecn ${draw.magnitude(2, 50)}`);
  }
  if (draw.chance(0.12)) parts.push(`mtu ${draw.pick([1280, 1400, 1492])}`);
  if (draw.chance(0.12)) {
    const from = draw.magnitude(1, 5_000);
    parts.push(`down ${from}ms-${from + draw.magnitude(10, 25_000)}ms`);
  }
  return parts.join(" ");
}

function loss(draw: Draw): string[] {
  switch (draw.pick(["none", "none", "random", "random", "burst", "nth"])) {
    case "random":
      return [`loss ${draw.pick([0.1, 0.5, 1, 2, 3, 10, 25])}%`];
    case "burst":
      return [`loss gemodel ${draw.pick([0.5, 2])}% ${draw.pick([20, 50])}%`];
    case "nth":
      return [`loss nth ${draw.between(1, 6)},${draw.between(7, 30)},${draw.between(31, 60)}`];
    default:
      return [];
  }
}

function connection(draw: Draw, i: number, left: number, right: number, slow: boolean): ConnectionPlan {
  const most = slow ? 20_000 : 250_000;
  const open = side(draw, most);
  const accept = side(draw, most);
  // Two that wait for one another would wait for ever.
  const waits = open.end === "fin-after-peer" && accept.end === "fin-after-peer";
  const at = draw.chance(0.5) ? i : draw.magnitude(1, 2_000_000);
  return {
    at,
    opener: draw.pick(["left", "right"]),
    left: draw.between(0, left - 1),
    right: draw.between(0, right - 1),
    openerPort: 40_000 + i,
    port: 7_000 + i,
    simultaneous: draw.chance(0.12),
    open,
    accept: waits ? { ...accept, end: "fin" } : accept,
    attacks: draw.chance(0.35) ? attacks(draw, at) : [],
  };
}

/** The same ports once more, after one of the machines forgot the connection. */
function again(plan: ConnectionPlan, at: number): ConnectionPlan {
  return { ...plan, at: Math.max(at, plan.at + 1), attacks: [] };
}

function side(draw: Draw, most: number): SidePlan {
  const bytes = draw.chance(0.15) ? 0 : draw.magnitude(1, most);
  const write = draw.pick([draw.magnitude(1, 100), draw.magnitude(100, 5_000), 65_536]);
  const stalls = draw.chance(0.25);
  return {
    bytes,
    // Not more than some thousand writes and reads.
    write: Math.max(write, Math.ceil(bytes / 3_000)),
    writePause: draw.chance(0.2) ? draw.magnitude(10, 50_000) : 0,
    read: Math.max(draw.pick([draw.magnitude(20, 2_000), 65_536]), Math.ceil(most / 2_000)),
    readPause: draw.chance(0.2) ? draw.magnitude(10, 50_000) : 0,
    stallAt: stalls ? draw.between(0, bytes) : 0,
    stallFor: stalls ? draw.magnitude(1_000, 300 * SECOND) : 0,
    end: draw.pick(["fin", "fin", "fin", "fin", "fin-after-peer", "fin-after-peer", "close", "abort"]),
    abortAt: draw.magnitude(1, most),
  };
}

function attacks(draw: Draw, from: number): Attack[] {
  return Array.from({ length: draw.between(1, 12) }, () => ({
    at: from + draw.magnitude(1_000, 4 * SECOND),
    to: draw.pick(["opener", "acceptor"] as const),
    kind: draw.pick(ATTACKS),
    nonce: draw.between(0, 1 << 20),
  }));
}

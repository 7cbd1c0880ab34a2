import type { ConnectionPlan, Hop, HostPlan, Scenario, SidePlan } from "./scenario.ts";

/**
 * The smallest scenario that it finds which still fails: fewer connections, hops, octets, impairments, parameters. Each
 * step that keeps the failure is kept.
 * @param budget runs at the most.
 */
export function shrink(scenario: Scenario, fails: (scenario: Scenario) => boolean, budget = 300): Scenario {
  let best = scenario;
  let runs = 0;
  for (let improved = true; improved; ) {
    improved = false;
    for (const smaller of candidates(best)) {
      if (runs++ >= budget) return best;
      if (!safe(fails, smaller)) continue;
      best = smaller;
      improved = true;
      break;
    }
  }
  return best;
}

function safe(fails: (scenario: Scenario) => boolean, scenario: Scenario): boolean {
  try {
    return fails(scenario);
  } catch {
    // It cannot even be built: not a smaller form of this failure.
    return false;
  }
}

function* candidates(s: Scenario): Generator<Scenario> {
  for (let i = s.connections.length - 1; i >= 0; i--) {
    if (s.connections.length > 1) yield { ...s, connections: s.connections.filter((_, k) => k !== i) };
  }
  if (s.restarts.length > 0) yield { ...s, restarts: [] };
  if (s.siege !== undefined) {
    yield { ...s, siege: undefined };
    if (s.siege.attackers > 1) yield { ...s, siege: { ...s.siege, attackers: s.siege.attackers >> 1 } };
    for (const kind of s.siege.kinds)
      if (s.siege.kinds.length > 1) yield { ...s, siege: { ...s.siege, kinds: [kind] } };
  }
  if (s.left.length + s.right.length > 2) {
    const connections = s.connections.map((each) => ({ ...each, left: 0, right: 0 }));
    yield { ...s, left: s.left.slice(0, 1), right: s.right.slice(0, 1), connections };
  }
  if (s.hops.length > 1) for (let i = 0; i < s.hops.length; i++) yield { ...s, hops: s.hops.filter((_, k) => k !== i) };
  if (s.wrap !== undefined) yield { ...s, wrap: undefined };
  if (s.family === 6) yield { ...s, family: 4 };
  for (let i = 0; i < s.hops.length; i++)
    for (const hop of smallerHops(s.hops[i]!)) yield { ...s, hops: s.hops.with(i, hop) };
  for (const side of ["left", "right"] as const) {
    for (let i = 0; i < s[side].length; i++) {
      for (const host of smallerHosts(s[side][i]!)) yield { ...s, [side]: s[side].with(i, host) };
    }
  }
  for (let i = 0; i < s.connections.length; i++) {
    for (const plan of smallerPlans(s.connections[i]!)) yield { ...s, connections: s.connections.with(i, plan) };
  }
}

/** Clauses of the link words begin with one of these. */
const CLAUSE = /(?=\b(?:delay|jitter|loss|duplicate|reorder|corrupt|rate|queue|codel|ecn|mtu|down)\b)/;

function* smallerHops(hop: Hop): Generator<Hop> {
  if (hop.changes.length > 0) yield { ...hop, changes: [] };
  const clauses = hop.link.split(CLAUSE);
  for (let i = 0; i < clauses.length; i++) {
    const rest = clauses.filter((_, k) => k !== i).join("");
    // "out" and "in" hang at the end of the clause before them.
    if (!/\b(?:out|in) $/.test(clauses[i]!) && rest !== hop.link && !clauses[i]!.startsWith("delay"))
      yield { ...hop, link: rest };
  }
}

function* smallerHosts(host: HostPlan): Generator<HostPlan> {
  if (host.records > 0) yield { ...host, records: 0 };
  for (const key of Object.keys(host.params)) {
    const { [key as keyof typeof host.params]: _, ...params } = host.params;
    yield { ...host, params };
  }
}

function* smallerPlans(plan: ConnectionPlan): Generator<ConnectionPlan> {
  for (let i = 0; i < plan.attacks.length; i++) yield { ...plan, attacks: plan.attacks.filter((_, k) => k !== i) };
  if (plan.simultaneous) yield { ...plan, simultaneous: false };
  for (const side of ["open", "accept"] as const) {
    for (const smaller of smallerSides(plan[side])) yield { ...plan, [side]: smaller };
  }
}

function* smallerSides(side: SidePlan): Generator<SidePlan> {
  if (side.bytes > 0) {
    yield { ...side, bytes: 0, stallAt: 0 };
    const bytes = side.bytes >> 1;
    yield { ...side, bytes, stallAt: Math.min(side.stallAt, bytes) };
  }
  if (side.writePause > 0) yield { ...side, writePause: 0 };
  if (side.readPause > 0) yield { ...side, readPause: 0 };
  if (side.stallFor > 0) yield { ...side, stallFor: 0 };
  if (side.end !== "fin") yield { ...side, end: "fin" };
  if (side.write !== 65_536) yield { ...side, write: 65_536 };
  if (side.read !== 65_536) yield { ...side, read: 65_536 };
}

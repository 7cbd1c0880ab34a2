/** The verdict after a run: everything is given back, everything is accounted for, everybody got what was promised. */

import { NEVER, SECOND } from "#base/time";
import { LINK_DELIVERED, LINK_DROPS, LINK_DUPLICATED, LINK_OFFERED } from "#device/link-marks";
import type { LinkProfile } from "#device/link-profile";
import { parseLinks } from "#device/link-words";
import { SIM_NO_ROUTE } from "#lab/sim/node";
import { SYN_RECEIVED, stateName } from "#tcp/words/state";
import type { PlannedApplication } from "./application.ts";
import type { ConnectionPlan, HostPlan, Scenario } from "./scenario.ts";
import { Violation } from "./violation.ts";
import type { Machine, Pair, World } from "./world.ts";

export function judge(world: World): void {
  for (const machine of world.machines) nothingLeft(machine);
  balanced(world);
  const harsh = isRough(world.scenario);
  const { siege } = world.scenario;
  if (siege !== undefined && !harsh && world.besiegers?.finished === false)
    throw new Violation("an honest pair finishes while others hold what they can", `not within ${siege.until} us`);
  for (const pair of world.pairs) outcome(pair, harsh);
}

function nothingLeft(machine: Machine): void {
  const { stack } = machine.host;
  for (const tcb of stack.connections()) {
    const { snd, rcv } = tcb;
    const what = `${machine.host.name} ${tcb.localPort}>${tcb.remotePort} in ${stateName(tcb.state)}`;
    throw new Violation(
      "every connection ends in bounded time",
      `${what}, queued ${snd.queued}, window ${snd.wnd}, unread ${rcv.unread}${tcb.state === SYN_RECEIVED ? "" : `, error ${tcb.error}`}`,
    );
  }
  const left = `${stack.slab.used} pages, ${stack.recordsInUse} records`;
  if (stack.slab.used > 0 || stack.recordsInUse > 0)
    throw new Violation("nothing is left", `${machine.host.name}: ${left}`);
  if (stack.nextDeadline() !== NEVER) throw new Violation("nothing is left", `${machine.host.name}: a timer`);
}

function balanced(world: World): void {
  let entered = 0;
  let arrived = 0;
  for (const { there, back } of [...world.wires, ...world.accessWires]) {
    for (const { link, name } of [there, back]) {
      const { counters } = link;
      const dropped = LINK_DROPS.reduce((sum, mark) => sum + counters.get(mark), 0);
      const surplus =
        counters.get(LINK_OFFERED) + counters.get(LINK_DUPLICATED) - counters.get(LINK_DELIVERED) - dropped;
      if (surplus !== 0) throw new Violation("counters balance", `${name}: ${surplus} packets too many`);
    }
  }
  const hosts = world.accessWires.length > 0 ? world.accessWires : world.wires;
  const pair = world.accessWires.length === 0;
  for (const { there, back } of hosts) {
    entered += there.link.counters.get(LINK_OFFERED) + (pair ? back.link.counters.get(LINK_OFFERED) : 0);
    arrived += back.link.counters.get(LINK_DELIVERED) + (pair ? there.link.counters.get(LINK_DELIVERED) : 0);
  }
  const lives = world.machines.flatMap((machine) => machine.lives);
  const sent = lives.reduce((sum, life) => sum + life.packetsOut, 0);
  const got = lives.reduce((sum, life) => sum + life.packetsIn, 0);
  const astray = world.machines.reduce((sum, { host }) => sum + host.node.counters.get(SIM_NO_ROUTE), 0);
  // What the first hop of a pair found too big came back as an ICMP error of the node itself.
  const forged = world.machines.reduce((sum, machine) => sum + machine.forged, 0);
  const told = got - arrived - forged;
  if (sent !== entered + astray) throw new Violation("counters balance", `${sent} sent, ${entered} entered a wire`);
  if (told < 0) throw new Violation("counters balance", `${arrived} arrived, ${got} were taken in`);
  for (const life of lives) {
    const reads = world.pairs.reduce((sum, { opener, acceptor }) => sum + opener.reads + acceptor.reads, 0);
    if (life.acksOut > life.reasons + reads) {
      throw new Violation("no ACK without a reason", `${life.name}: ${life.acksOut} of ${life.reasons + reads}`);
    }
  }
}

/** Whether network, hosts or plan are such that a connection may rightly not come about, or be given up. */
export function isRough(scenario: Scenario): boolean {
  const hosts = [...scenario.left, ...scenario.right];
  const impatient = ({ params, records }: HostPlan) =>
    records > 0 || params.userTimeout !== undefined || params.keepAlive;
  if (scenario.restarts.length > 0 || hosts.some(impatient)) return true;
  const words = scenario.hops.flatMap((hop) => [hop.link, ...hop.changes.map((change) => change.link)]);
  const profiles = words.flatMap((text) => Object.values(parseLinks(text)) as LinkProfile[]);
  const lost = profiles.reduce((sum, profile) => sum + lossOf(profile), 0);
  return lost > 0.08 || profiles.some((profile) => profile.down !== undefined && downTime(profile) > 30 * SECOND);
}

/** Somebody resets the connection, or may: the RST can be lost, and then nobody tells an idle peer. */
export function isRude(plan: ConnectionPlan): boolean {
  return [plan.open, plan.accept].some(({ end }) => end === "abort" || end === "close");
}

function lossOf({ loss, lossNth, corrupt, queue }: LinkProfile): number {
  const nth = lossNth === undefined ? 0 : lossNth.mask.reduce((sum, bit) => sum + bit, 0) / lossNth.mask.length;
  const small = queue.packets < 5 || queue.bytes < 10_000 ? 1 : 0;
  const independent = loss.kind === "independent" ? loss.chance.probability * (1 + 50 * loss.chance.correlation) : 1;
  return independent + corrupt.probability + (nth > 0.1 ? nth : 0) + small;
}

function downTime({ down }: LinkProfile): number {
  if (down === undefined) return 0;
  return down.period === Number.POSITIVE_INFINITY
    ? down.spans.reduce((sum, span) => sum + span.to - span.from, 0)
    : Number.POSITIVE_INFINITY;
}

function outcome(pair: Pair, harsh: boolean): void {
  const { opener, acceptor, plan } = pair;
  if (pair.refused) return;
  delivered(opener, acceptor);
  // Else it was another that the opener heard last.
  if (!pair.repeated) delivered(acceptor, opener);
  if (harsh) return;
  // A reset of one's own making, or one that came because somebody closed without reading.
  const rude = isRude(plan);
  for (const [app, other] of [
    [opener, acceptor],
    [acceptor, opener],
  ] as const) {
    // Reset before it was accepted, it is never told.
    if (rude && app.tcb === undefined) continue;
    if (app.outcome === undefined)
      throw new Violation("every connection ends in bounded time", `${app.name} was never told`);
    if (rude || isUnheard(app, other)) continue;
    if (app.outcome !== "OK") throw new Violation("no connection ends without a reason", `${app.name}: ${app.outcome}`);
  }
  if (rude) return;
  for (const [from, to] of [
    [opener, acceptor],
    [acceptor, opener],
  ] as const) {
    if (to.got !== from.plan.bytes || !to.eof) {
      throw new Violation("all octets are delivered", `${to.name}: ${to.got} of ${from.plan.bytes}, end ${to.eof}`);
    }
  }
}

/**
 * All ACKs of the last data and FIN were lost until the other side had left TIME-WAIT: its RST is all the answer there is. Whether that data
 * arrived cannot be known, so LAST-ACK and CLOSING rightly end with an error.
 */
function isUnheard(app: PlannedApplication, other: PlannedApplication): boolean {
  return app.closed && app.eof && app.outcome === "ECONNRESET" && other.outcome === "OK" && other.eof;
}

/** What was delivered is a prefix of what was written (its content was compared as it came), and the end is the end. */
function delivered(from: PlannedApplication, to: PlannedApplication): void {
  if (to.got > from.sent) throw new Violation("the octets delivered are those sent", `${to.got} of ${from.sent}`);
  if (to.eof && to.outcome === "OK" && to.got !== from.sent && to.plan.end !== "close") {
    throw new Violation("the end of the stream is its end", `${to.name}: ${to.got} of ${from.sent}`);
  }
}

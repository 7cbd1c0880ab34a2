/**
 * Attackers who hold what they can of one machine while others use it: they read nothing, acknowledge nothing, send single octets out of order,
 * acknowledge every second segment, or open connections by halves. Their packets do not come by a wire, and what is sent to them is taken off
 * before it gets to one.
 */
import { MILLISECOND, SECOND } from "#base/time";
import { type Address, parseAddress } from "#ip/address";
import type { Application } from "#lab/sim/host";
import { CLOSED } from "#tcp/words/state";
import { EVENT_CLOSED, EVENT_OPENED, type Tcb } from "#tcp/words/tcb";
import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { TCP } from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { ACK, PSH, SYN } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import { deliver, room } from "./attack.ts";
import { isRude } from "./judge.ts";
import type { Siege } from "./scenario.ts";
import type { WireSegment } from "./wire-segment.ts";
import type { Machine, World } from "./world.ts";

const PORT = 9;
const FIRST_PORT = 60_000;
const SCALE = 7;
const MSS = 1_400;
/** How often an attacker does something, and how often it is seen whether the others have finished. */
const STEP = 20 * MILLISECOND;
const LOOK = SECOND;
/** Steps of one attacker; its sending ends then, its holding does not. */
export const STEPS = 200;
const HELD = new Uint8Array(1 << 20);

/** One connection of the attackers. */
class Attacker {
  readonly address: Address;
  readonly port: number;
  readonly kind: Siege["kinds"][number];
  /** The last segment of theirs: what we acknowledge, where they expect us, how far the window goes. */
  theirs = 0;
  next = 1;
  edge = 0;
  steps = 0;
  /** It has taken its first step, or will soon. */
  hasBegun = false;
  /** Segments of which every second one is SACKed. */
  readonly heard: [number, number][] = [];

  constructor(address: Address, port: number, kind: Siege["kinds"][number]) {
    this.address = address;
    this.port = port;
    this.kind = kind;
  }
}

export class Besiegers {
  readonly #world: World;
  readonly #machine: Machine;
  readonly #siege: Siege;
  readonly #attackers: Attacker[];
  readonly #held = new Set<Tcb>();
  readonly #delay: number;
  over = false;
  /** Whether the others had finished when it was over. */
  finished: boolean | undefined;

  /** @param delay µs between a packet and their answer */
  constructor(world: World, machine: Machine, siege: Siege, delay: number) {
    this.#world = world;
    this.#machine = machine;
    this.#siege = siege;
    this.#delay = delay + STEP;
    const { family } = machine.address;
    this.#attackers = Array.from({ length: siege.attackers }, (_, i) => {
      const address = parseAddress(family === 4 ? `10.9.0.${1 + i}` : `fd00:c::${(1 + i).toString(16)}`)!;
      return new Attacker(address, FIRST_PORT + i, siege.kinds[i % siege.kinds.length]!);
    });
    machine.witness.besiegers = this;
    machine.host.listen(PORT, () => this.#holder(), { backlog: 2 * siege.attackers });
    for (const attacker of this.#attackers) this.#send(attacker, { seq: 0, ack: 0, flags: SYN });
    this.#look();
  }

  /** Takes a segment that is meant for an attacker. */
  takes(seg: WireSegment): boolean {
    if (seg.sourcePort !== PORT || seg.destinationPort < FIRST_PORT) return false;
    const attacker = this.#attackers[seg.destinationPort - FIRST_PORT];
    if (attacker === undefined || this.over || attacker.kind === "half-open") return true;
    if (seg.flags & SYN) {
      attacker.theirs = (seg.seq + 1) | 0;
      attacker.edge = 1 + seg.window;
      // A SYN,ACK that is sent again must not make an attacker of two.
      if (attacker.hasBegun) return true;
      attacker.hasBegun = true;
      this.#world.sim.after(this.#delay, () => this.#step(attacker));
      return true;
    }
    attacker.edge = Math.max(attacker.edge, seg.ack - 1 + seg.window * 2 ** 7);
    if (seg.n > 0 && attacker.heard.length < 2000) attacker.heard.push([seg.seq, (seg.seq + seg.n) | 0]);
    return true;
  }

  /** The application at the port: it writes to those who want to have something, and reads nothing. */
  #holder(): Application {
    const { stack, node } = this.#machine.host;
    return {
      onEvents: (tcb, events) => {
        if (events & EVENT_OPENED) {
          this.#held.add(tcb);
          const { kind } = this.#attackers[tcb.remotePort - FIRST_PORT]!;
          if (kind === "acknowledges-nothing" || kind === "sacks") stack.send(tcb, HELD, 0, HELD.length, node.now());
          node.wake();
        }
        if (events & EVENT_CLOSED || tcb.state === CLOSED) this.#forget(tcb);
      },
    };
  }

  #forget(tcb: Tcb): void {
    if (this.#held.delete(tcb)) this.#machine.host.stack.release(tcb);
  }

  #step(attacker: Attacker): void {
    if (this.over || attacker.steps++ === STEPS) return;
    const { next, theirs, kind } = attacker;
    const plain = { seq: next, ack: theirs, flags: ACK };
    switch (attacker.steps > 1 ? kind : "acknowledges-nothing") {
      case "reads-nothing": {
        const n = Math.min(MSS, attacker.edge - next);
        if (n > 0) this.#send(attacker, { ...plain, flags: ACK | PSH, n });
        if (n > 0) attacker.next += n;
        break;
      }
      case "single-octets":
        this.#send(attacker, {
          ...plain,
          seq: next + 1 + ((attacker.steps * 2_000) % Math.max(attacker.edge - 2, 1)),
          n: 1,
        });
        break;
      case "sacks": {
        const at = 4 * attacker.steps;
        const blocks = [1, 3, 5, 7].map((k) => attacker.heard[2 * at + k]).filter((block) => block !== undefined);
        if (blocks.length > 0) this.#send(attacker, { ...plain, blocks });
        break;
      }
      default:
        if (attacker.steps === 1) this.#send(attacker, plain);
    }
    this.#world.sim.after(STEP, () => this.#step(attacker));
  }

  /** When the others have finished, the application gives up its connections. */
  #look(): void {
    const { pairs, scenario } = this.#world;
    const finished =
      pairs.length === scenario.connections.length &&
      pairs.every(({ plan, opener, acceptor, refused }) => {
        // Where one side resets, the other may never hear of it.
        const isTold = acceptor.outcome !== undefined || isRude(plan);
        return refused || (opener.outcome !== undefined && isTold);
      });
    if (!finished && this.#world.elapsed < this.#siege.until) {
      this.#world.sim.after(LOOK, () => this.#look());
      return;
    }
    this.finished = finished;
    this.over = true;
    const { stack, node } = this.#machine.host;
    for (const tcb of [...this.#held]) {
      stack.abort(tcb, node.now());
      this.#forget(tcb);
    }
    node.wake();
  }

  #send(attacker: Attacker, segment: Forged): void {
    const packet = room(this.#machine);
    packet.n = write(this.#machine.host.stack.slab.view, packet.o, attacker, this.#machine.address, segment);
    deliver(this.#machine, packet);
  }
}

interface Forged {
  seq: number;
  ack: number;
  flags: number;
  n?: number;
  blocks?: [number, number][];
}

function write(
  v: DataView,
  o: number,
  from: Attacker,
  to: Address,
  { seq, ack, flags, n = 0, blocks = [] }: Forged,
): number {
  const six = to.family === 6;
  const at = o + (six ? ipv6.HEADER : ipv4.HEADER_MIN);
  let end = at + tcphdr.HEADER_MIN;
  if (flags & SYN) {
    end = opt.writeMss(v, end, MSS);
    end = opt.writeSackPermitted(v, end);
    end = opt.writeWindowScale(v, end, SCALE);
  }
  if (blocks.length > 0) {
    end = opt.writeSackHead(v, end, blocks.length);
    for (const [left, right] of blocks) end = opt.writeSackBlock(v, end, left, right);
  }
  const header = end - at;
  tcphdr.write(v, at, from.port, PORT, seq, ack, header, flags, 0xffff, 0);
  for (let i = 0; i < n; i++) v.setUint8(end + i, 0xee);
  const length = header + n;
  const { a, b, c, d } = from.address;
  if (six) {
    ipv6.write(v, o, 0, 0, length, TCP, 64);
    ipv6.setSource(v, o, a, b, c, d);
    ipv6.setDestination(v, o, to.a, to.b, to.c, to.d);
  } else {
    ipv4.write(v, o, 0, ipv4.HEADER_MIN + length, 0, ipv4.DF, 64, TCP, d, to.d);
    ipv4.setChecksum(v, o);
  }
  const pseudo = six ? checksum.sum(v, o + ipv6.SOURCE, 32, length + TCP) : checksum.pseudo4(d, to.d, TCP, length);
  tcphdr.setChecksum(v, at, checksum.finish(checksum.sum(v, at, length, pseudo)));
  return at - o + length;
}

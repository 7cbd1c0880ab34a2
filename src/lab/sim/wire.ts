import type { Histogram } from "#base/histogram";
import type { Mark } from "#base/mark";
import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import { Link, type LinkObserver, type LinkOptions } from "#device/link";
import type { LinkProfile } from "#device/link-profile";
import type { Actor, Kernel, Receiver } from "./actor.ts";
import type { EventLog } from "./event-log.ts";

/** One direction of a link in a simulation, from one end to the other. */
export class Wire implements Actor, LinkObserver {
  readonly id: number;
  /** "from>to". */
  readonly name: string;
  readonly link: Link;
  /** Sees what the log sees. */
  recorder: LinkObserver | null = null;
  /** How long packets wait in the queue. */
  waits: Histogram | null = null;
  /** Whether a packet may enter; one that may not is dropped as if the link was down. Null: all may. */
  admits: ((v: DataView, o: number, n: number) => boolean) | null = null;
  readonly #to: Receiver;
  readonly #kernel: Kernel;
  readonly #log: EventLog;

  constructor(kernel: Kernel, log: EventLog, id: number, name: string, to: Receiver, options: LinkOptions) {
    this.id = id;
    this.name = name;
    this.#to = to;
    this.#kernel = kernel;
    this.#log = log;
    this.link = new Link({ ...options, observer: this });
  }

  /** A packet enters; answers NO_DROP or why it was dropped at once. */
  offer(slab: PacketMemory, packet: Packet, now: number): Mark {
    const isBarred = this.admits !== null && !this.admits(slab.view, packet.o, packet.n);
    const verdict = this.link.offer(slab, packet, now, isBarred);
    this.#kernel.arm(this.id, this.link.nextDeadline());
    return verdict;
  }

  /** Another profile from now on. */
  set(profile: LinkProfile): void {
    this.link.set(profile, this.#kernel.now);
    this.#kernel.arm(this.id, this.link.nextDeadline());
  }

  act(now: number): void {
    const to = this.#to;
    const { rx } = to;
    let arrived = false;
    for (;;) {
      rx.o = to.rxO;
      if (this.link.take(to.slab, rx, now) === 0) break;
      arrived = true;
      to.arrive(now);
    }
    if (arrived) to.settle(now);
  }

  nextDeadline(): number {
    return this.link.nextDeadline();
  }

  onLink(at: number, mark: Mark, view: DataView, o: number, n: number, id: number): void {
    this.#log.packet(at, this.id, this.name, mark, view, o, n);
    this.recorder?.onLink(at, mark, view, o, n, id);
  }

  onTransmit(waited: number): void {
    this.waits?.record(waited);
  }
}

import type { Packet } from "#base/packet";
import type { PacketMemory } from "#base/packet-memory";
import type { Device, Offload, Wakeable } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { LinkSyntaxError } from "#device/link-error";
import { linksText } from "#device/link-text";
import { type LinkProfiles, parseLinks } from "#device/link-words";
import { monotonic } from "#driver/clock";
import { tooBig } from "#icmp/path-error";
import { checkDevice, invalid, shown, whole } from "./checks.ts";

/** Options of an `ImpairedDevice`. */
export interface ImpairedDeviceOptions {
  /** Makes losses and delays a function of the seed and of the packets' times, 0 to 2^32 - 1. Default: random. */
  readonly seed?: number;
}

/** What happened to the packets of each direction, by the names of the link's marks: `{ "link.offered": 12, "link.loss": 1 }`. */
export interface LinkCounts {
  /** What was sent. */
  readonly out: Readonly<Record<string, number>>;
  /** What was received. */
  readonly in: Readonly<Record<string, number>>;
}

/**
 * A bad link in front of a device, in real time: `new ImpairedDevice(device, "loss 3% delay 40ms")`. The words are those of the commands'
 * `--link`, as in netem: `delay`, `jitter`, `loss`, `rate`, `queue`, `duplicate`, `corrupt`, `reorder`, `mtu`, `down`; after `out` they are
 * about what is sent, after `in` about what is received, before both about either. "clear" is a perfect link.
 */
export class ImpairedDevice implements Device {
  readonly #link: ImpairDevice;

  /**
   * @param device without offload: `pair()`, or `openTun({ name, offload: false, checksums: false })`
   * @throws CallError EINVAL for words that are not understood, and for a device with offload
   */
  constructor(device: Device, link: string, options: ImpairedDeviceOptions = {}) {
    checkDevice(device);
    const { checksum, tso4, tso6 } = device.offload;
    if (checksum || tso4 || tso6) {
      const how = "open it without, as openTun({ name, offload: false, checksums: false }) does";
      throw invalid(`${device.name} leaves work to the kernel (offload), and a link carries whole packets: ${how}`);
    }
    const random = () => crypto.getRandomValues(new Uint32Array(1))[0]!;
    const seed = options.seed === undefined ? random() : whole("seed", options.seed, 0, 0xffff_ffff);
    this.#link = new ImpairDevice(device, { profiles: profilesOf(link), seed, now: monotonic(), tooBig });
  }

  get name(): string {
    return this.#link.name;
  }

  get mtu(): number {
    return this.#link.mtu;
  }

  get queueLength(): number {
    return this.#link.queueLength;
  }

  get offload(): Offload {
    return this.#link.offload;
  }

  get wakeable(): Wakeable | undefined {
    return this.#link.wakeable;
  }

  /** The link in words that `set` reads. */
  get link(): string {
    return linksText(this.#link.profiles);
  }

  /**
   * Changes what is named and leaves the rest as it is, for packets from now on; "clear" first makes a perfect link.
   * @throws CallError EINVAL for words that are not understood; then nothing has changed
   */
  set(link: string): void {
    this.#link.set(profilesOf(link, this.#link.profiles), monotonic());
  }

  /** Counts of packets since the device was made. */
  counters(): LinkCounts {
    return { out: this.#link.out.counters.snapshot(), in: this.#link.in.counters.snapshot() };
  }

  attach(memory: PacketMemory): void {
    this.#link.attach(memory);
  }

  receive(packet: Packet, now: number): number {
    return this.#link.receive(packet, now);
  }

  transmit(packet: Packet, now: number): number {
    return this.#link.transmit(packet, now);
  }

  nextDeadline(): number {
    return this.#link.nextDeadline();
  }

  close(): void {
    this.#link.close();
  }
}

function profilesOf(link: string, base?: LinkProfiles): LinkProfiles {
  if (typeof link !== "string")
    throw invalid(`a link is described in words, such as "loss 3% delay 40ms", not ${shown(link)}`);
  try {
    return parseLinks(link, base);
  } catch (error) {
    if (error instanceof LinkSyntaxError) {
      const what = error.message.replace(/ \(column \d+\)$/, "");
      throw invalid(`${what} (column ${error.column} of "${error.text}")`);
    }
    throw error;
  }
}

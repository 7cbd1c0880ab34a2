import { Counters } from "#base/counters";
import { Packet } from "#base/packet";
import { SipHash } from "#base/siphash";
import { PAGE_SIZE, Slab } from "#base/slab";
import { IpHeader } from "#ip/header";
import { IpInput, type IpInputOptions } from "#ip/input";
import { LocalAddresses } from "#ip/local";
import { IpOutput } from "#ip/output";
import { Prefix, parsePrefix } from "#ip/prefix";
import { address } from "./naive/ip.ts";

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!(parsed instanceof Prefix)) throw new Error(parsed.reason);
  return parsed;
}

/** Our side of two links, 10.0.0.7/24 and fd00::7/64, with IP input and output over one slab. */
export class IpBench {
  readonly slab = new Slab(8 << 20);
  readonly counters = new Counters();
  readonly local = new LocalAddresses(
    [address("10.0.0.7"), address("fd00::7")],
    [prefix("10.0.0.1/24"), prefix("fd00::1/64")],
  );
  readonly header = new IpHeader();
  readonly packet = new Packet();
  readonly input: IpInput;
  readonly output: IpOutput;
  /** Where received packets are put. */
  readonly slot: number;

  constructor(options: IpInputOptions = {}, checksumOffload = false) {
    this.slot = this.slab.reserve(5 * PAGE_SIZE) + 64;
    this.input = new IpInput(this.slab, this.local, this.counters, options);
    this.output = new IpOutput(this.slab, new SipHash(1, 2), checksumOffload);
  }

  receive(bytes: ArrayLike<number>, now = 0): number {
    this.packet.clear();
    this.packet.o = this.slot;
    this.packet.n = bytes.length;
    this.slab.u8.set(bytes, this.slot);
    return this.input.input(this.packet, this.header, now);
  }

  /** The transport's bytes of the packet received last. */
  payload(): number[] {
    return this.bytes(this.header.o, this.header.n);
  }

  bytes(o: number, n: number): number[] {
    return [...this.slab.u8.subarray(o, o + n)];
  }

  /** All bytes of a packet, its slices included. */
  whole(packet: Packet): number[] {
    const bytes = this.bytes(packet.o, packet.n);
    for (let i = 0; i < packet.slices; i++) bytes.push(...this.bytes(packet.sliceO[i]!, packet.sliceN[i]!));
    return bytes;
  }
}

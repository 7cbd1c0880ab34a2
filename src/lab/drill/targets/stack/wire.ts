import type { Mark } from "#base/mark";
import type { Packet } from "#base/packet";
import type { Slab } from "#base/slab";
import { type Device, NO_OFFLOAD, RX_NONE, TX_OK, TX_REFUSED } from "#device/device";

/** The receiver of the stack's packets: stores them as octets, in order. */
export class Wire implements Device {
  readonly name = "wire";
  readonly mtu = 65_535;
  readonly queueLength = 1_000_000;
  readonly offload = NO_OFFLOAD;
  readonly wakeable = undefined;
  readonly sent: { readonly bytes: Uint8Array; readonly cause: Mark }[] = [];
  /** Whether the queue in front of it has no room. */
  isFull = false;
  #octets: Uint8Array = new Uint8Array(0);

  attach(slab: Slab): void {
    this.#octets = slab.u8;
  }

  transmit(p: Packet): number {
    if (this.isFull) return TX_REFUSED;
    const bytes = new Uint8Array(p.total());
    bytes.set(this.#octets.subarray(p.o, p.o + p.n));
    for (let i = 0, at = p.n; i < p.slices; at += p.sliceN[i]!, i++) {
      bytes.set(this.#octets.subarray(p.sliceO[i]!, p.sliceO[i]! + p.sliceN[i]!), at);
    }
    this.sent.push({ bytes, cause: p.cause });
    return TX_OK;
  }

  /** Arriving packets are handed to the stack by `input`. */
  receive(): number {
    return RX_NONE;
  }

  nextDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  close(): void {}
}

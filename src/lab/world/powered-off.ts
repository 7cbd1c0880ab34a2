import { HEADROOM, PACKET_MAX } from "#base/packet";
import { Slab } from "#base/slab";
import { NEVER } from "#base/time";
import type { Engine } from "#driver/engine";

/** The stack of a host without power: what arrives is gone, and nothing leaves. */
export class PoweredOff implements Engine {
  readonly slab = new Slab(2 * (HEADROOM + PACKET_MAX));

  input(): void {}

  advance(): void {}

  poll(): boolean {
    return false;
  }

  nextDeadline(): number {
    return NEVER;
  }

  hasEvents(): boolean {
    return false;
  }
}

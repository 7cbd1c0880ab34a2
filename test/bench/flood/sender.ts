/** Writes packets of a kind to a TUN device, from which the kernel forwards them to the server's: KIND RATE SECONDS [DEVICE]. Prints how many per second. */
import { HEADROOM, Packet } from "#base/packet";
import { Prng } from "#base/prng";
import { Slab } from "#base/slab";
import { openTun } from "#device/tun";
import { type Kind, write } from "./packets.ts";

const [kind, rate, seconds] = [process.argv[2] as Kind, Number(process.argv[3]), Number(process.argv[4])];
/** Packets between two looks at the clock. */
const BURST = 32;
/** So many different ones are made before, so that each costs no more than a write. */
const PACKETS = 1 << 15;
const SLOT = 256;
/** It does not spin: the others need the processors. */
const PAUSE_MS = 0.1;

const slab = new Slab(PACKETS * SLOT + (1 << 20));
const device = openTun({
  name: process.argv[5] ?? "tun1",
  prefix: { address: Uint8Array.of(10, 77, 255, 254), length: 16 },
  offload: false,
});
device.attach(slab);
const packet = new Packet();
const first = slab.reserve(PACKETS * SLOT) + HEADROOM;
const prng = new Prng(1);
const lengths = new Uint16Array(PACKETS);
for (let i = 0; i < PACKETS; i++) lengths[i] = write(slab, first + i * SLOT, kind, prng.int32());
const begun = performance.now();
let sent = 0;
const idle = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  const passed = (performance.now() - begun) / 1000;
  if (passed >= seconds) break;
  if (sent > passed * rate) {
    Atomics.wait(idle, 0, 0, PAUSE_MS);
    continue;
  }
  for (let left = BURST; left > 0; left--) {
    const i = sent++ % PACKETS;
    packet.o = first + i * SLOT;
    packet.n = lengths[i]!;
    device.transmit(packet, 0);
  }
}
console.log(Math.round(sent / seconds));
device.close();

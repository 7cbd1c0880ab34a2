/**
 * The pump: what a program can do that only reads and writes TUN packets, through our own device and no stack. Two TUNs,
 * the kernel's forwarding between. Run inside a namespace by bench.ts:
 *
 *     pump.ts calls SIZE GSO SECONDS    one process: writes a burst to tun0, reads it from tun1; the cost of each call
 *     pump.ts read SECONDS              one process of two: reads tun1 until SECONDS after the first packet
 *     pump.ts write SIZE GSO SECONDS    the other one: writes to tun0
 *
 * SIZE: bytes of the whole IP packet. GSO: TCP payload of a segment, 0 for none. Each prints one line of JSON.
 */
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { PAGE_SIZE, Slab } from "#base/slab";
import { openTun, type TunDevice } from "#device/tun";
import { headerLength, pattern, put } from "../device/packets.ts";

const [mode, ...numbers] = process.argv.slice(2);
const slab = new Slab(1 << 20);
const tx = new Packet();
const rx = new Packet();
const txO = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
rx.o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
const pages = slab.reserve(PACKET_MAX + PAGE_SIZE);

function open(n: number): TunDevice {
  const device = openTun({ name: `tun${n}`, prefix: { address: Uint8Array.of(10, 0, n, 1), length: 24 } });
  device.attach(slab);
  return device;
}

/** A packet as the stack makes it: the header alone in the head, the payload in pages. */
function prepare(size: number, gsoSize: number): void {
  const payload = pattern(size - headerLength(4));
  put(slab, tx, txO, pages, {
    payload,
    inHead: 0,
    slices: Math.ceil(payload.length / PAGE_SIZE),
    partial: true,
    gsoSize,
  });
}

function calls(size: number, gsoSize: number, seconds: number): void {
  const a = open(0);
  const b = open(1);
  prepare(size, gsoSize);
  const burst = gsoSize > 0 ? 64 : 256;
  let writing = 0;
  let reading = 0;
  let written = 0;
  let read = 0;
  const end = performance.now() + seconds * 1_000;
  for (let now = performance.now(); now < end; ) {
    for (let i = 0; i < burst; i++) a.transmit(tx, 0);
    const between = performance.now();
    while (b.receive(rx, 0) > 0) read++;
    writing += between - now;
    now = performance.now();
    reading += now - between;
    written += burst;
  }
  const ns = (ms: number, n: number) => Math.round((ms / n) * 1e6);
  console.log(JSON.stringify({ size, write_fwd_ns: ns(writing, written), read_ns: ns(reading, read), written, read }));
}

function write(size: number, gsoSize: number, seconds: number): void {
  const device = open(0);
  prepare(size, gsoSize);
  let packets = 0;
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) for (let i = 0; i < 32; i++, packets++) device.transmit(tx, 0);
  console.log(JSON.stringify({ packets }));
}

function read(seconds: number): void {
  const device = open(1);
  console.log("ready");
  let packets = 0;
  let bytes = 0;
  let first = 0;
  let last = 0;
  // Ten seconds at most until the first packet comes.
  for (let end = performance.now() + 10_000, idle = 0; idle < 100_000 || performance.now() < end; ) {
    const n = device.receive(rx, 0);
    if (n <= 0) {
      idle++;
      continue;
    }
    idle = 0;
    packets++;
    bytes += n;
    if ((packets & 31) === 1) last = performance.now();
    if (first === 0) end = (first = last) + seconds * 1_000;
    if (last > end) break;
  }
  console.log(JSON.stringify({ packets, gbps: (bytes * 8) / (last - first) / 1e6 }));
}

const [x = 0, y = 0, z = 0] = numbers.map(Number);
if (mode === "calls") calls(x, y, z);
else if (mode === "write") write(x, y, z);
else read(x);

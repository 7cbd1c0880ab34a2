/** Counts copies of octets from and into the receiver's memory, per octet received. Prints JSON; run by `from-packets.test.ts`. */
import type { Socket, SocketHandlers } from "#socket/types";

interface Count {
  arriving: number;
  within: number;
  out: number;
}
let slab: ArrayBufferLike | null = null;
const count: Count = { arriving: 0, within: 0, out: 0 };
const note = (from: ArrayBufferLike, to: ArrayBufferLike, n: number) => {
  if (slab === null || n <= 0) return;
  if (from === slab && to === slab) count.within += n;
  else if (from === slab) count.out += n;
  else if (to === slab) count.arriving += n;
};

// Everything that copies octets, before anybody keeps a reference to it.
const { copy } = Buffer.prototype;
Buffer.prototype.copy = function (this: Buffer, target: Uint8Array, to = 0, from = 0, end = this.length) {
  note(this.buffer, target.buffer, Math.min(end - from, target.length - to));
  return copy.call(this, target, to, from, end);
};
const { set, slice, copyWithin } = Uint8Array.prototype;
Uint8Array.prototype.set = function (this: Uint8Array, source, at) {
  if (source instanceof Uint8Array) note(source.buffer, this.buffer, source.length);
  set.call(this, source, at);
};
Uint8Array.prototype.slice = function (this: Uint8Array, from = 0, to = this.length) {
  note(this.buffer, new ArrayBuffer(0), to - from);
  return slice.call(this, from, to) as Uint8Array<ArrayBuffer>;
};
Uint8Array.prototype.copyWithin = function (this: Uint8Array, to, from, end = this.length) {
  note(this.buffer, this.buffer, end - from);
  return copyWithin.call(this, to, from, end);
};

const { connected, HOST, PORT, world, writeAll, bytes } = await import("./world.ts");
const TOTAL = 1_000_000;
const results: Record<string, Count> = {};
const SMALL = 1_500;
const LARGE = 60_000;

/** @param receive makes the receiver read, and answers with the sender */
async function measure(
  how: string,
  mtu: number,
  receive: (w: Awaited<ReturnType<typeof world>>) => Promise<Socket>,
): Promise<void> {
  const w = await world({ mtu, link: "delay 1ms" });
  const client = await receive(w);
  slab = w.host.engine.slab.buffer;
  Object.assign(count, { arriving: 0, within: 0, out: 0 });
  await w.until(writeAll(client, bytes(TOTAL)));
  await w.pass(200);
  slab = null;
  // Headers count as well: some octets of a packet.
  const perOctet = (n: number) => Math.floor(n / TOTAL + 0.02);
  results[how] = { arriving: perOctet(count.arriving), within: perOctet(count.within), out: perOctet(count.out) };
}

const handled = (socket: SocketHandlers) => async (w: Awaited<ReturnType<typeof world>>) => {
  w.host.listen({ port: PORT, socket });
  const client = w.peer.connect({ hostname: HOST, port: PORT }, { receiveBuffer: 4_000_000 });
  await w.until(client.opened);
  await w.pass(50);
  return client;
};
const read = (reading: (socket: Socket) => Promise<unknown>) => async (w: Awaited<ReturnType<typeof world>>) => {
  const [client, server] = await connected(w);
  reading(server).catch(() => {});
  return client;
};
const reading = async (socket: Socket) => {
  const into = new Uint8Array(256 * 1024);
  while ((await socket.read(into)) > 0);
};

await measure("handler, super-segments", LARGE, handled({ data() {} }));
await measure("handler, 1,448 octets", SMALL, handled({ data() {} }));
await measure("echo, super-segments", LARGE, handled({ data: (socket, view) => socket.write(view) }));
await measure("read, super-segments", LARGE, read(reading));
await measure("read, 1,448 octets", SMALL, read(reading));
await measure(
  "reader's own buffer",
  LARGE,
  read(async (socket) => {
    const reader = socket.readable.getReader({ mode: "byob" });
    for (let buffer = new ArrayBuffer(256 * 1024); ; ) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      buffer = value.buffer;
    }
  }),
);
await measure(
  "not read",
  LARGE,
  read(async (socket) => (socket as Socket & { stopReading(): void }).stopReading()),
);
console.log(JSON.stringify(results));

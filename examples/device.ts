/**
 * A device of one's own: IP packets are messages of a MessagePort, so that stacks in two threads have a network between them. (In two workers or
 * tabs of a browser: without the import, and with `port.onmessage`.) Here both ends are in one program: `bun examples/device.ts`,
 * `node examples/device.ts`.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import {
  createStack,
  type Device,
  NEVER,
  NO_OFFLOAD,
  PACKET_MAX,
  type Packet,
  type PacketMemory,
  RX_GONE,
  RX_NONE,
  TX_GONE,
  TX_OK,
} from "tcpnet";

/** Packets that wait for the stack; more are lost, as on a network. */
const WAITING_MAX = 500;

class PortDevice implements Device {
  readonly name = "port";
  readonly mtu = 1_500;
  readonly queueLength = WAITING_MAX;
  readonly offload = NO_OFFLOAD;
  readonly #port: MessagePort;
  readonly #waiting: Uint8Array[] = [];
  #memory: PacketMemory | undefined;
  #notify: (() => void) | undefined;

  /** An idle stack sleeps; this wakes it. */
  readonly wakeable = {
    arm: (notify: () => void) => {
      this.#notify = notify;
    },
    disarm: () => {
      this.#notify = undefined;
    },
  };

  constructor(port: MessagePort) {
    this.#port = port;
    // Whoever sends to us may send anything: what is no packet is dropped here, and what is a bad one by the stack.
    port.on("message", (data: unknown) => {
      if (!(data instanceof Uint8Array) || data.length > PACKET_MAX || this.#waiting.length === WAITING_MAX) return;
      this.#waiting.push(data);
      this.#notify?.();
    });
  }

  attach(memory: PacketMemory): void {
    this.#memory = memory;
  }

  receive(packet: Packet): number {
    if (this.#memory === undefined) return RX_GONE;
    const next = this.#waiting.shift();
    if (next === undefined) return RX_NONE;
    this.#memory.u8.set(next, packet.o);
    packet.slices = 0;
    packet.n = next.length;
    return next.length;
  }

  transmit(packet: Packet): number {
    if (this.#memory === undefined) return TX_GONE;
    const { u8 } = this.#memory;
    // A copy: the stack uses its memory again. The head comes first, then slices of the payload.
    const whole = new Uint8Array(packet.total());
    whole.set(u8.subarray(packet.o, packet.o + packet.n));
    let at = packet.n;
    for (let i = 0; i < packet.slices; i++) {
      const from = packet.sliceO[i]!;
      whole.set(u8.subarray(from, from + packet.sliceN[i]!), at);
      at += packet.sliceN[i]!;
    }
    this.#port.postMessage(whole, [whole.buffer]);
    return TX_OK;
  }

  nextDeadline(): number {
    return NEVER;
  }

  close(): void {
    this.#memory = undefined;
    this.#port.close();
  }
}

const { port1, port2 } = new MessageChannel();
const server = await createStack({ device: new PortDevice(port1), address: "10.0.0.7/24" });
const client = await createStack({ device: new PortDevice(port2), address: "10.0.0.5/24" });

server.listen({
  port: 7,
  socket: { data: (socket, bytes) => socket.write(bytes), end: (socket) => socket.closeWrite() },
});
const socket = client.connect("10.0.0.7:7");
const sent = new Uint8Array(100_000).map((_, i) => i * 31);
const writer = socket.writable.getWriter();
void writer.write(sent).then(() => writer.close());
const back = new Uint8Array(await new Response(socket.readable).arrayBuffer());
console.log(
  back.length,
  back.every((octet, i) => octet === sent[i]),
);
await Promise.all([client.close(), server.close()]);

/** Devices over a pair of streams, over a WebSocket, and over messages of any other kind. */
import type { Counters } from "#base/counters";
import type { Device } from "#device/device";
import { MessageDevice } from "#device/message-device";
import { checkObject, invalid, type Kind, shown, whole } from "./checks.ts";

/** Options of devices that carry packets as messages. */
export interface MessageDeviceOptions {
  /** For messages about the device. */
  readonly name?: string;
  /** Octets of the largest IP packet, 68 to 65,535. Default 1500. The other side must have the same. */
  readonly mtu?: number;
  /** Packets that may wait in each direction; more are dropped, as on any link. Default 500. */
  readonly queueLength?: number;
}

/** Options of `fromStreams`. */
export interface StreamDeviceOptions extends MessageDeviceOptions {
  /**
   * How packets are found in the octets. "length", the default: each packet after its length in two octets, the higher one first (network
   * order). "chunks": each chunk of the streams is one packet, as with the datagrams of WebTransport.
   */
  readonly framing?: "length" | "chunks";
}

/** A pair of streams: what is read comes in, what is written goes out. A `Socket` and a `WebSocketStream` have this shape. */
export interface PacketStreams {
  /** What comes in. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What goes out. */
  readonly writable: WritableStream<Uint8Array>;
}

/** What a device over a WebSocket needs of it: the one of browsers, Bun, Deno and Node.js, and that of `ws`. */
export interface PacketWebSocket {
  /** Set to "arraybuffer". */
  binaryType: string;
  /** 0: connecting, 1: open, 2: closing, 3: closed. */
  readonly readyState: number;
  /** Octets that were given to `send` and are not in the network yet. */
  readonly bufferedAmount: number;
  /** Sends a binary message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Closes the connection. */
  close(): void;
  /** Tells of messages, and of the end. */
  addEventListener(type: "open" | "close" | "error" | "message", listener: (event: { data?: unknown }) => void): void;
}

class ApplicationMessages extends MessageDevice {
  override deliver(packet: Uint8Array): void {
    if (!(packet instanceof Uint8Array)) {
      const more = (packet as unknown) instanceof ArrayBuffer ? ": use new Uint8Array(buffer)" : "";
      throw invalid(`deliver needs the octets of a packet as a Uint8Array, not ${shown(packet)}${more}`);
    }
    super.deliver(packet);
  }
}

/** A device over messages that the application carries: see `fromMessages`. */
export interface PacketDevice extends Device {
  /** A packet has arrived: one IP packet, whose octets must not change any more. @throws CallError EINVAL if it is no Uint8Array. */
  deliver(packet: Uint8Array): void;
  /** No more packets will come. The stack's connections end with ENETDOWN. */
  end(): void;
  /** What was dropped and why, since the beginning: `messages.full`, `messages.busy`, `messages.size`. */
  readonly counters: Pick<Counters, "snapshot">;
}

const OPTIONS = { name: "a text", mtu: "a number", queueLength: "a number" } satisfies Record<
  keyof MessageDeviceOptions,
  Kind
>;

const MTU = 1_500;
const QUEUE_LENGTH = 500;

/** Octets of the length before each packet. */
const PREFIX = 2;

/** States of a WebSocket. */
const OPEN = 1;
const CLOSING = 2;

function settingsOf(what: string, options: MessageDeviceOptions, name: string) {
  const { mtu = MTU, queueLength = QUEUE_LENGTH } = options;
  return {
    name: options.name ?? name,
    mtu: whole(`${what}'s mtu`, mtu, 68, 65_535),
    queueLength: whole(`${what}'s queueLength`, queueLength, 1, 1 << 20),
  };
}

/**
 * A device over messages of any kind, such as those of Bun's server-side WebSockets, of an RTCDataChannel or a MessagePort: the application
 * passes on what it gets to `deliver`, and sends what `send` is given. @param send may return false: then the packet is lost
 * @throws CallError EINVAL.
 */
export function fromMessages(
  send: (packet: Uint8Array<ArrayBuffer>) => unknown,
  options: MessageDeviceOptions = {},
): PacketDevice {
  if (typeof send !== "function")
    throw invalid(`fromMessages needs a function that sends a packet, not ${shown(send)}`);
  checkObject("fromMessages' second argument", options, OPTIONS, "{ mtu: 1500 }");
  return new ApplicationMessages({
    ...settingsOf("fromMessages", options, "messages"),
    send: (packet) => send(packet) !== false,
    closed: () => {},
  });
}

/**
 * A device over a pair of streams: a pipe to a virtual machine, a TCP connection, a WebSocketStream. They carry IP packets, not Ethernet
 * frames. The device closes both when the stack is closed, and is gone when either ends.
 * @throws CallError EINVAL for what are not two streams, and for streams that somebody else reads or writes
 */
export function fromStreams(streams: PacketStreams, options: StreamDeviceOptions = {}): Device {
  checkObject("fromStreams' second argument", options, { ...OPTIONS, framing: "a text" }, '{ framing: "length" }');
  const { framing = "length" } = options;
  if (framing !== "length" && framing !== "chunks") {
    throw invalid(`framing must be "length" or "chunks", not ${shown(framing)}`);
  }
  const { readable, writable } = checkedStreams(streams);
  const settings = settingsOf("fromStreams", options, "streams");
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let waiting = 0;
  const device = new MessageDevice({
    ...settings,
    send(packet) {
      if (waiting >= settings.queueLength) return false;
      waiting++;
      writer.write(framing === "length" ? framed(packet) : packet).then(
        () => waiting--,
        () => device.end(),
      );
      return true;
    },
    closed() {
      reader.cancel().catch(() => {});
      writer.close().catch(() => {});
    },
  });
  const take =
    framing === "length"
      ? deframer((packet) => device.deliver(packet))
      : (chunk: Uint8Array) => device.deliver(copyOf(chunk));
  void pump(reader, take).then(() => device.end());
  writer.closed.then(
    () => device.end(),
    () => device.end(),
  );
  return device;
}

/**
 * A device over a WebSocket: each binary message is one IP packet; texts are ignored. Packets that are sent before it is open are lost, as
 * on a link that is down. @throws CallError EINVAL for what is no WebSocket, and for one that is closed
 */
export function fromWebSocket(socket: PacketWebSocket, options: MessageDeviceOptions = {}): Device {
  checkObject("fromWebSocket's second argument", options, OPTIONS, "{ mtu: 1500 }");
  if (typeof socket !== "object" || socket === null || typeof socket.addEventListener !== "function") {
    throw invalid(`fromWebSocket needs a WebSocket, not ${shown(socket)}: new WebSocket("ws://…")`);
  }
  if (socket.readyState >= CLOSING) throw invalid("the WebSocket is closed");
  const settings = settingsOf("fromWebSocket", options, "websocket");
  const device = new MessageDevice({
    ...settings,
    send(packet) {
      if (socket.readyState !== OPEN || socket.bufferedAmount > settings.queueLength * settings.mtu) return false;
      socket.send(packet);
      return true;
    },
    closed: () => socket.close(),
  });
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    if (data instanceof ArrayBuffer) device.deliver(new Uint8Array(data));
    else if (data instanceof Uint8Array) device.deliver(copyOf(data));
  });
  socket.addEventListener("close", () => device.end());
  socket.addEventListener("error", () => device.end());
  return device;
}

function checkedStreams(streams: unknown): PacketStreams {
  const { readable, writable } = (
    typeof streams === "object" && streams !== null ? streams : {}
  ) as Partial<PacketStreams>;
  if (typeof readable?.getReader !== "function" || typeof writable?.getWriter !== "function") {
    throw invalid(`fromStreams needs { readable, writable }, two web streams, not ${shown(streams)}`);
  }
  if (readable.locked || writable.locked)
    throw invalid("fromStreams needs both streams for itself: one of them is locked");
  return { readable, writable };
}

async function pump(
  reader: { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> },
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value instanceof Uint8Array) take(value);
    }
  } catch {
    // Whatever ended the stream: the device is gone.
  }
}

/** A real copy: `slice` of a Buffer would be another view of the same memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function framed(packet: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREFIX + packet.length);
  bytes[0] = packet.length >> 8;
  bytes[1] = packet.length & 0xff;
  bytes.set(packet, PREFIX);
  return bytes;
}

/** Cuts a stream of octets into packets. What it keeps is one packet at most. */
export function deframer(deliver: (packet: Uint8Array) => void): (chunk: Uint8Array) => void {
  /** The first octet of a length whose second has yet to come; else -1. */
  let high = -1;
  let packet: Uint8Array | null = null;
  let filled = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (packet === null) {
        const octet = chunk[at++]!;
        if (high < 0) {
          high = octet;
          continue;
        }
        packet = new Uint8Array((high << 8) | octet);
        high = -1;
        filled = 0;
      }
      const n = Math.min(packet.length - filled, chunk.length - at);
      packet.set(chunk.subarray(at, at + n), filled);
      filled += n;
      at += n;
      if (filled < packet.length) continue;
      deliver(packet);
      packet = null;
    }
  };
}

import { decode, type Ends, encodeTcp, type Live } from "#lab/drill/packets/codec";
import type {
  MachineSocket,
  SettingValue,
  StateName,
  Target,
  TargetConnection,
  TargetListener,
  TargetSetup,
} from "#lab/drill/posix/target";

/** A responder of one connection, just clever enough to be scripted against: no loss, no timers but the delayed ACK. */
export interface Faults {
  /** Added to a field of each packet it sends, to see that the interpreter notices. */
  readonly window?: number;
  readonly echo?: number;
  readonly payload?: number;
  readonly ack?: number;
  readonly sequence?: number;
  readonly checksum?: number;
  readonly urgent?: number;
  readonly reserved?: number;
  /** Acknowledges every segment twice. */
  readonly twice?: boolean;
  /** Delivers octets to the reader in the wrong order. */
  readonly swap?: boolean;
  /** Microseconds before data is acknowledged. */
  readonly delay?: number;
  /** Cuts what it sends into segments of this size. */
  readonly mss?: number;
}

const ISN = 0x7ffffff0;
const TS_ORIGIN = 0xfffffff0;

export class FakeTarget implements Target {
  readonly profile = "linux";
  readonly sent: Uint8Array[] = [];
  readonly settings = new Map<string, SettingValue>();
  connection: FakeConnection | undefined;
  listening = false;
  accepted = false;
  #ackAt = Number.POSITIVE_INFINITY;

  constructor(
    readonly setup: TargetSetup,
    readonly faults: Faults,
  ) {}

  input(packet: Uint8Array, now: number): void {
    const live = decode(packet, now);
    if (!live.tcp) return;
    if (live.tcp.flags === 2 && this.listening) {
      this.connection = new FakeConnection(this, live);
      this.emit(0x12, now);
      this.connection.next = (ISN + 1) >>> 0;
    } else this.connection?.arrives(live, now);
  }

  acknowledgeLater(now: number): void {
    if (!this.faults.delay) this.emit(16, now);
    else this.#ackAt = now + this.faults.delay;
  }

  advance(now: number): void {
    if (this.#ackAt > now) return;
    this.#ackAt = Number.POSITIVE_INFINITY;
    this.emit(16, now);
  }

  nextDeadline(): number {
    return this.#ackAt;
  }

  emit(flags: number, now: number, payload = new Uint8Array(0)): void {
    const c = this.connection!;
    const q = this.faults;
    const ends: Ends = {
      source: this.setup.local,
      destination: this.setup.remote,
      sourcePort: c.localPort,
      destinationPort: c.remotePort,
    };
    const stamp = new DataView(new ArrayBuffer(12));
    stamp.setUint32(0, 0x0101080a);
    stamp.setUint32(4, TS_ORIGIN + now / 1000);
    stamp.setUint32(8, c.echo + (q.echo ?? 0));
    const bytes = encodeTcp(
      ends,
      { tos: 0, ttl: 64, flowLabel: 0 },
      {
        sequence: c.next + (flags & 2 ? 0 : (q.sequence ?? 0)),
        ack: c.received + (q.ack ?? 0),
        flags: flags | (q.reserved ?? 0),
        window: 65535 + (q.window ?? 0),
        urgent: q.urgent ?? 0,
        options: new Uint8Array(stamp.buffer),
        payload: payload.map((b) => b + (q.payload ?? 0)),
      },
    );
    bytes[36] = bytes[36]! ^ (q.checksum ?? 0);
    this.sent.push(bytes);
    if (q.twice && flags === 16) this.sent.push(bytes);
  }

  output(): Uint8Array | undefined {
    return this.sent.shift();
  }

  configure(name: string, value: SettingValue): boolean {
    this.settings.set(name, value);
    return name !== "frto";
  }

  accepts(): boolean {
    return true;
  }

  information(): Readonly<Record<string, number>> {
    return {};
  }

  most(): undefined {
    return undefined;
  }

  initial(): SettingValue | undefined {
    return undefined;
  }

  connect(): never {
    throw new Error("the fake only listens");
  }

  fastOpenReady(): boolean {
    return false;
  }

  listen(localPort: number): TargetListener {
    this.listening = true;
    return {
      localPort,
      accept: () => {
        const ready = this.connection?.state() === "ESTABLISHED" && !this.accepted;
        this.accepted ||= ready;
        return ready ? this.connection : undefined;
      },
      waiting: () => Number(this.connection?.state() === "ESTABLISHED" && !this.accepted),
      close: () => {
        this.listening = false;
      },
      setOption: () => true,
    };
  }

  openUdp(): never {
    throw new Error("the fake has no UDP");
  }

  sockets(): readonly MachineSocket[] {
    const c = this.connection;
    if (!c) return [];
    return [{ state: c.state(), localPort: c.localPort, remotePort: c.remotePort, receiveQueue: 0, sendQueue: 0 }];
  }

  drop(): number {
    this.connection = undefined;
    return 1;
  }
}

class FakeConnection implements TargetConnection {
  readonly localPort: number;
  readonly remotePort: number;
  next = ISN;
  received: number;
  echo: number;
  #state: StateName = "SYN-RECEIVED";
  readonly #queue: number[] = [];
  #finished = false;

  constructor(
    readonly engine: FakeTarget,
    syn: Live,
  ) {
    this.localPort = syn.ends.destinationPort;
    this.remotePort = syn.ends.sourcePort;
    this.received = (syn.tcp!.sequence + 1) >>> 0;
    this.echo = stampOf(syn);
  }

  arrives(live: Live, now: number): void {
    const { payload, flags, sequence } = live.tcp!;
    if (this.#state === "SYN-RECEIVED") this.#state = "ESTABLISHED";
    if (flags & 4) this.#state = "CLOSED";
    this.echo = stampOf(live) || this.echo;
    if (sequence !== this.received) return;
    this.#queue.push(...(this.engine.faults.swap ? [...payload].reverse() : payload));
    this.received = (this.received + payload.length + (flags & 1)) >>> 0;
    if (flags & 1) this.#finished = true;
    if (payload.length > 0 || flags & 1) this.engine.acknowledgeLater(now);
  }

  state(): StateName {
    return this.#state;
  }

  send(bytes: Uint8Array, _flags: unknown, now: number): number {
    const mss = this.engine.faults.mss ?? 1448;
    for (let o = 0; o < bytes.length; o += mss) {
      const piece = bytes.slice(o, o + mss);
      this.engine.emit(o + mss >= bytes.length ? 24 : 16, now, piece);
      this.next = (this.next + piece.length) >>> 0;
    }
    return bytes.length;
  }

  early(): number {
    return 0;
  }

  opensFast(): boolean {
    return false;
  }

  writable(): boolean {
    return true;
  }

  receive(into: Uint8Array, peek: boolean): number {
    const bytes = peek ? this.#queue.slice(0, into.length) : this.#queue.splice(0, into.length);
    into.set(bytes);
    return bytes.length;
  }

  readable(): number {
    return this.#queue.length;
  }

  unacknowledged(): number {
    return 0;
  }

  unsent(): number {
    return 0;
  }

  finished(): boolean {
    return this.#finished && this.#queue.length === 0;
  }

  error(): string | undefined {
    return undefined;
  }

  takeError(): string | undefined {
    return undefined;
  }

  takeSoftError(): string | undefined {
    return undefined;
  }

  shutdownRead(): void {}

  shutdownWrite(now: number): void {
    this.engine.emit(17, now);
    this.next++;
  }

  close(now: number): void {
    this.shutdownWrite(now);
  }

  abort(now: number): void {
    this.engine.emit(20, now);
  }

  setOption(): boolean {
    return true;
  }

  option(): SettingValue | undefined {
    return undefined;
  }

  info(): Readonly<Record<string, number>> {
    return { tcpi_snd_cwnd: 10, tcpi_state: 1 };
  }
}

/** The TSval of a segment whose only option is `nop,nop,TS`, or 0. */
function stampOf(live: Live): number {
  const o = live.tcp!.options;
  return o.length === 12 ? new DataView(o.buffer, o.byteOffset).getUint32(4) : 0;
}

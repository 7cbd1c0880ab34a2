import { FIN, type Packet, type Position, RST, SYN, type Syscall, type TcpPacket } from "../language/ast.ts";
import { seconds } from "../language/timing.ts";
import { decode, type Live } from "../packets/codec.ts";
import { Flow } from "../packets/flow.ts";
import { liveText } from "../packets/render.ts";
import { systemCall } from "../posix/connection.ts";
import { informationOf } from "../posix/information.ts";
import { observe } from "../posix/observe.ts";
import type { Attempt, Descriptor, Surroundings, World } from "../posix/sockets.ts";
import { isSystem, type SystemTarget, type Target } from "../posix/target.ts";
import type { Variables } from "../python/code-blocks.ts";
import type { Config } from "./config.ts";
import type { Crossing } from "./runner.ts";

/** The stack did not do what the script says. */
export class Failure extends Error {
  override readonly name = "Failure";
  constructor(
    readonly position: Position,
    message: string,
    readonly details: readonly string[] = [],
  ) {
    super(message);
  }
}

/** Steps at one moment after which the engine is considered to hang. */
const STEPS_MAX = 100_000;
/** The first port of the script's peers. */
const FIRST_PEER_PORT = 40_000;

/** How long a strict script goes on after its last event: longer than any ACK is delayed. */
const SILENCE_USECS = 250_000;

/** An RST, an ICMP message, or an ACK that is neither a probe nor carries data or a FIN. */
function isAnswer(live: Live, sent: ReadonlyMap<Flow, number>, flow: Flow | undefined): boolean {
  const { tcp } = live;
  if (!tcp || !flow || tcp.flags & RST) return true;
  const takesSpace = tcp.payload.length > 0 || (tcp.flags & (SYN | FIN)) !== 0;
  return !takesSpace && tcp.sequence === sent.get(flow);
}

/** The first port of sockets that were not bound. */
const FIRST_FREE_PORT = 32_768;

/** The engine under test: its clock, its wire, and the script's connections. */
export class Bench {
  now = 0;
  readonly table = new Map<number, Descriptor>();
  readonly notes: string[] = [];
  /** Fast Open cookies with a name in the script. */
  readonly cookies = new Map<string, string>();
  /** Files made by commands; `open` in a script looks here first. */
  readonly files = new Map<string, Uint8Array>();
  /** Datagrams sent by calls and not yet matched by an expectation. */
  readonly datagrams: Uint8Array[] = [];
  readonly packets: Crossing[] = [];
  readonly #around: Surroundings;
  /** Packets of connections that were not current when they were sent. */
  readonly #passedOver: Live[] = [];
  /** Packets sent by the stack and not yet matched by an expectation. */
  readonly queue: Live[] = [];
  /** The latest segment or datagram of the stack, which an ICMP error without a quote in the script refers to. */
  lastSent: Uint8Array | undefined;
  /** Called after everything that may unblock a call. */
  onChange: () => void = () => {};
  readonly #flows: Flow[] = [];
  #current: Flow | undefined;
  #nextPeerPort = FIRST_PEER_PORT;
  readonly #alarms = new Set<number>();

  constructor(
    readonly config: Config,
    readonly engine: Target | SystemTarget,
  ) {
    const { toleranceUsecs, bindPort, connectPort, localAddress, remoteAddress } = config;
    this.#around = {
      toleranceUsecs,
      bindPort,
      connectPort,
      localAddress,
      remoteAddress,
      datagrams: this.datagrams,
      table: this.table,
      newFlow: () => this.#add(new Flow(undefined)),
      wakeAt: (time) => {
        this.#alarms.add(time);
      },
      readFile: (path) => this.files.get(path) ?? config.readFile(path),
      flowOf: (localPort, remotePort) =>
        this.#flows.find((f) => f.localPort === localPort && f.remotePort === remotePort),
    };
  }

  /** A call of the script, ready to be attempted. */
  systemCall(syscall: Syscall): Attempt {
    const { engine } = this;
    return isSystem(engine) ? engine.systemCall(this.#around, syscall) : systemCall(this.#world(engine), syscall);
  }

  #nextFreePort = FIRST_FREE_PORT;

  #world(engine: Target): World {
    const { socketFamily } = this.config;
    return {
      ...this.#around,
      engine,
      family: socketFamily,
      freePort: () => this.#nextFreePort++,
    };
  }

  /** Runs the engine until `t`; afterwards it is `t`, or later if it already was. */
  runTo(t: number): void {
    while (this.step(t));
    this.settle();
  }

  /** Runs to the engine's next deadline, at most to `limit`. False: `limit` was reached. */
  step(limit: number): boolean {
    const due = Math.min(this.engine.nextDeadline(), ...this.#alarms);
    const last = due > limit;
    this.now = Math.max(this.now, last ? limit : due);
    for (const alarm of this.#alarms) if (alarm <= this.now) this.#alarms.delete(alarm);
    this.engine.advance(this.now);
    this.settle();
    if (!last && due <= this.now) this.#watchProgress();
    return !last;
  }

  #stuckAt = -1;
  #stuck = 0;

  #watchProgress(): void {
    this.#stuck = this.#stuckAt === this.now ? this.#stuck + 1 : 0;
    this.#stuckAt = this.now;
    if (this.#stuck > STEPS_MAX) throw new Error(`the engine does not advance beyond ${seconds(this.now)}`);
  }

  /** Takes the packets that the stack sends now, and attempts a blocked call again. */
  settle(): void {
    // A real-time engine's clock has advanced; a simulated one's does not advance between a packet and its consequences.
    if (isSystem(this.engine)) this.now = Math.max(this.now, this.engine.now());
    this.#drain();
    observe(this.table, this.now);
    this.onChange();
    this.#drain();
    observe(this.table, this.now);
  }

  #drain(): void {
    for (let sent = this.engine.output(this.now); sent; sent = this.engine.output(this.now)) {
      const cause = this.engine.cause ?? 0;
      const live = decode(sent, this.now);
      const flow = this.#flowOfLive(live);
      flow?.sent(live);
      if (live.tcp || live.udp) this.lastSent = live.bytes;
      this.queue.push(live);
      this.packets.push({ time: this.now, direction: ">", bytes: live.bytes, text: liveText(live, flow), cause });
    }
  }

  /** Delivers a packet to the stack. */
  arrive(bytes: Uint8Array, text: string, position: Position): void {
    this.#unread("before this packet", position);
    const time = this.now;
    // What it causes comes after it.
    const at = this.packets.length;
    this.packets.push({ time, direction: "<", bytes, text, cause: 0 });
    this.engine.input(bytes, this.now, this.config.segmentSize);
    this.packets[at] = { time, direction: "<", bytes, text, cause: this.engine.cause ?? 0 };
    this.settle();
  }

  /**
   * Checks that no unexpected packet was sent. With --strict the stack first gets time for a delayed answer, because the script may be
   * about its absence. Retransmissions, probes and queued data do not count as answers.
   */
  endOfScript(position: Position | undefined): void {
    if (!position) return;
    this.#unread("at the end", position);
    if (!this.config.strict) return;
    const sent = new Map(this.#flows.map((flow) => [flow, flow.sentUpTo]));
    this.runTo(this.now + SILENCE_USECS);
    const answers = this.queue.filter((live) => isAnswer(live, sent, this.#flowOfLive(live)));
    this.queue.length = 0;
    this.queue.push(...answers);
    this.#unread("after the end", position);
  }

  /** Reports packets that no expectation matched: a note, or with --strict a failure. */
  #unread(when: string, position: Position): void {
    const unread = this.config.strict ? [...this.#passedOver, ...this.queue] : this.queue;
    if (unread.length === 0) return;
    const texts = unread.map((live) => `unread:   ${seconds(live.time)} ${liveText(live, this.#flowOfLive(live))}`);
    if (this.config.strict) throw new Failure(position, `packets that the script does not expect ${when}`, texts);
    const line = `${position.line}: ${this.queue.length} unread ${when}`;
    if (this.notes.at(-1) !== line) this.notes.push(line);
  }

  /** Sets aside a packet of another connection than the one that an expectation is about. */
  passOver(live: Live): void {
    this.#passedOver.push(live);
  }

  #add(flow: Flow): Flow {
    this.#flows.push(flow);
    this.#current = flow;
    return flow;
  }

  /** The connection of an injected TCP packet. */
  flowIn(packet: TcpPacket | Packet): Flow {
    const written = "ports" in packet ? packet.ports : undefined;
    if (written) {
      const known = this.#flows.find(
        (f) => f.written?.source === written.destination && f.written.destination === written.source,
      );
      if (known) return known;
      if (this.#current?.live && !this.#current.written && this.#current.kind === "active") return this.#current;
    } else if (this.#current?.live) return this.#current;
    const flow = new Flow(written && { source: written.destination, destination: written.source });
    flow.kind = "passive";
    flow.localPort = written?.destination ?? (this.#current?.localPort || this.config.bindPort);
    flow.remotePort = written?.source ?? this.#nextPeerPort++;
    return this.#add(flow);
  }

  /** The connection of an expected packet; undefined before there is one. */
  flowOut(packet: Packet): Flow | undefined {
    const written = packet.kind === "icmp" ? undefined : packet.ports;
    if (!written) return this.#current;
    const known = this.#flows.find(
      (f) => f.written?.source === written.source && f.written.destination === written.destination,
    );
    if (known) return known;
    const current = this.#current;
    if (!current?.live || current.written) return undefined;
    current.written = written;
    return current;
  }

  /** The current connection, which packets without ports belong to. */
  get current(): Flow | undefined {
    return this.#current;
  }

  #flowOfLive(live: Live): Flow | undefined {
    return live.tcp && this.#around.flowOf(live.ends.sourcePort, live.ends.destinationPort);
  }

  /** Whether the packet belongs to this connection (or to none, as ICMP does). Other packets are skipped. */
  concerns(live: Live, flow: Flow | undefined): boolean {
    if (!live.tcp) return true;
    return (
      flow !== undefined && live.ends.sourcePort === flow.localPort && live.ends.destinationPort === flow.remotePort
    );
  }

  /** tcp_info of the current connection; empty if there is none: code blocks may not need it. */
  information(): Variables {
    for (const socket of this.table.values()) {
      if (!("flow" in socket) || socket.flow !== this.#current) continue;
      const info = this.#informationOf(socket);
      if (info) return info;
    }
    return {};
  }

  #informationOf(socket: Descriptor): Variables | undefined {
    if (isSystem(this.engine)) return this.engine.information(socket);
    return socket.kind === "tcp" ? informationOf(this.engine, socket, this.now) : undefined;
  }
}

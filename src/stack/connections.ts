import { Deadlines } from "#base/deadlines";
import { Fifo } from "#base/fifo";
import type { Address } from "#ip/address";
import type { PathMtu } from "#ip/path-mtu";
import { congestionControl } from "#tcp/congestion/congestion";
import { checkBorders } from "#tcp/machine/borders";
import { finish } from "#tcp/machine/finish";
import { pathMtuChanged } from "#tcp/machine/icmp";
import type { Sleeper } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import type { TcpParams } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { dueClaim, isBelieved } from "#tcp/words/path";
import { CLOSED, SYN_SENT, TIME_WAIT } from "#tcp/words/state";
import { EVENT_WRITABLE, Tcb, type TcpEnv } from "#tcp/words/tcb";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import * as tcphdr from "#wire/tcp";
import { CallError } from "./call-error.ts";
import { Demux, type Row } from "./demux.ts";
import type { Limits } from "./limits.ts";
import { Sleep } from "./sleep.ts";
import { Sources } from "./sources.ts";

/** The ids of IP's own timer and of the one that looks for idle connections, in the deadline heap; connections begin at 2. */
export const IP_TIMER = 0;
export const SLEEP_TIMER = 1;

/**
 * All connections of a stack, and the three things that each may be waiting for: to send, to tell the user something, a
 * deadline. `touch` after acting on a connection, `settle` when it has nothing to send: that is the whole protocol, and
 * no connection can be forgotten that keeps to it.
 */
export class Connections {
  readonly demux: Demux;
  readonly deadlines = new Deadlines();
  /** Connections that may have something to send, and those (or listeners) with something to tell. */
  readonly output = new Fifo<Tcb>();
  readonly events = new Fifo<Tcb | PassiveOpen>();
  /** Those that entered TIME-WAIT, oldest first; some of them have left it. */
  readonly #timeWait = new Fifo<Tcb>();
  /** Those whose SEND found no page. */
  readonly #starved = new Fifo<Tcb>();
  readonly #env: TcpEnv;
  readonly #pathMtu: PathMtu;
  readonly #limit: number;
  readonly #sources: Sources;
  /** How many sleep. */
  asleep = 0;
  readonly #byId: (Row | null)[] = [null, null];
  readonly #sleep: Sleep;
  readonly #freeIds: number[] = [];

  constructor(env: TcpEnv, pathMtu: PathMtu, limits: Readonly<Limits>) {
    this.demux = new Demux(env.prng.int32(), env.prng.int32());
    this.#env = env;
    this.#pathMtu = pathMtu;
    this.#limit = limits.connections;
    this.#sources = new Sources(limits.connectionsPerSource);
    this.#sleep = new Sleep(env, limits.sleepAfter);
  }

  /** True if there is no place for one more, not even that of one in TIME-WAIT: the oldest of them gives its up. */
  isFull(now: number): boolean {
    while (this.demux.size >= this.#limit) {
      const oldest = this.#timeWait.shift();
      if (oldest === undefined) return true;
      if (oldest.state !== TIME_WAIT) continue;
      finish(oldest, OK, M.RECYCLED, now);
      this.touch(oldest);
    }
    return false;
  }

  /** True if this remote host has as many connections to us as it may have. */
  isSourceFull(remote: Address): boolean {
    return this.#sources.isFull(remote);
  }

  /** The connection was opened by its remote host, and counts as one of its. */
  countSource(tcb: Tcb): void {
    if (this.#sources.limit === 0) return;
    tcb.countsForSource = true;
    this.#sources.add(tcb.remote);
  }

  #uncountSource(tcb: Tcb): void {
    if (!tcb.countsForSource) return;
    tcb.countsForSource = false;
    this.#sources.remove(tcb.remote);
  }

  /** There is no room for a SYN: whoever listens is told. Answers the reason, which is a mark. */
  refuse(listener: PassiveOpen, why: number): number {
    listener.noRoom = why;
    this.tell(listener);
    return why;
  }

  /** A connection in CLOSED. Throws ENOBUFS at the limit; packets ask `isFull` before. */
  create(
    params: Readonly<TcpParams>,
    local: Address,
    localPort: number,
    remote: Address,
    remotePort: number,
    now: number,
  ): Tcb {
    if (this.isFull(now)) throw new CallError("ENOBUFS", `the limit of ${this.#limit} connections is reached`);
    const id = this.#freeIds.pop() ?? this.#byId.length;
    const control = congestionControl(params.congestionControl);
    const tcb = new Tcb(this.#env, params, control, id, local, localPort, remote, remotePort);
    tcb.localMss = this.pathMss(remote, now);
    tcb.path.version = this.#pathMtu.version;
    tcb.path.belowFloor = this.#pathMtu.isBelowFloor(remote.a, remote.b, remote.c, remote.d, now);
    this.#byId[id] = tcb;
    this.demux.insert(tcb);
    return tcb;
  }

  /** The connection with that id, awake, or null. */
  byId(id: number): Tcb | null {
    const row = this.#byId[id] ?? null;
    return row === null ? null : this.awake(row);
  }

  /** Those that have not been taken away yet, CLOSED ones with an RST to send included; awake as long as each is looked at. */
  *all(): Generator<Tcb> {
    for (const row of this.#byId) if (row !== null) yield this.awake(row);
  }

  /** The TCB of a connection, which may have been asleep. */
  awake(row: Row): Tcb {
    if (row instanceof Tcb) return row;
    const tcb = this.#sleep.unfold(row);
    this.asleep--;
    this.#byId[row.id] = tcb;
    this.demux.exchange(row, tcb);
    row.user.woke(tcb);
    // Whoever only looked at it leaves it with nothing to send: it comes to rest again.
    this.touch(tcb);
    return tcb;
  }

  /** Lets those sleep that have been at rest for a while. */
  sleep(now: number): void {
    for (let tcb = this.#sleep.next(now); tcb !== null; tcb = this.#sleep.next(now)) {
      const user = tcb.user as Sleeper;
      const dormant = this.#sleep.fold(tcb, user);
      this.asleep++;
      this.#byId[tcb.id] = dormant;
      this.demux.exchange(tcb, dormant);
      user.fellAsleep(dormant);
    }
    this.deadlines.arm(SLEEP_TIMER, this.#sleep.due());
  }

  /** What the path leaves for TCP payload without options (RFC 9293 §3.7.1, MMS_S - 20). */
  pathMss(remote: Address, now: number): number {
    return this.#mtu(remote, now) - ipHeader(remote) - tcphdr.HEADER_MIN;
  }

  #mtu({ a, b, c, d }: Address, now: number): number {
    return this.#pathMtu.get(a, b, c, d, now);
  }

  /**
   * Before the connection sends: another one may have learned that the path carries less. In SYN-SENT nothing depends on
   * it yet: the connection looks when it is open.
   */
  learnPath(tcb: Tcb, now: number): void {
    const { path, remote, snd } = tcb;
    const { version } = this.#pathMtu;
    if (path.version === version || tcb.state === SYN_SENT) return;
    path.version = version;
    if (!tcb.params.pathMtuDiscovery) return;
    const mtu = this.#mtu(remote, now);
    // What goes next shows whether it is true for this connection, too.
    if (isBelieved(tcb, mtu, mtu - ipHeader(remote), snd.nxt)) this.#adopt(tcb, now);
  }

  /** ICMP says that the segment at `seq` was too big for a link that carries `mtu`. */
  tooBig(tcb: Tcb, mtu: number, seq: number, now: number): void {
    const { remote } = tcb;
    const least = remote.family === 4 ? Math.max(mtu, this.#pathMtu.floor) : mtu;
    if (isBelieved(tcb, mtu, least - ipHeader(remote), seq)) this.#lower(tcb, mtu, now);
  }

  /** After its timers fired: a claim about the path that has waited for this is believed now. */
  believeClaim(tcb: Tcb, now: number): void {
    const mtu = dueClaim(tcb);
    if (mtu > 0 && tcb.state !== CLOSED) this.#lower(tcb, mtu, now);
  }

  #lower(tcb: Tcb, mtu: number, now: number): void {
    const { a, b, c, d } = tcb.remote;
    this.#pathMtu.lower(a, b, c, d, mtu, now);
    // Another connection may have taught the table, but not this one yet.
    this.#adopt(tcb, now);
  }

  #adopt(tcb: Tcb, now: number): void {
    const { a, b, c, d } = tcb.remote;
    tcb.path.belowFloor = this.#pathMtu.isBelowFloor(a, b, c, d, now);
    pathMtuChanged(tcb, this.pathMss(tcb.remote, now), now);
  }

  /** The connection was acted upon: it may have something to send, to tell, or be gone. */
  touch(tcb: Tcb): void {
    checkBorders(tcb);
    if (!tcb.inOutput) {
      tcb.inOutput = true;
      this.output.push(tcb);
    }
    if (tcb.state === TIME_WAIT && !tcb.inTimeWait) {
      tcb.inTimeWait = true;
      this.#uncountSource(tcb);
      this.#timeWait.push(tcb);
    }
    if (tcb.state === CLOSED) {
      this.demux.remove(tcb);
      this.#uncountSource(tcb);
      if (tcb.inTimeWait) this.#forgetEnded();
    } else if (tcb.listener !== null && tcb.listener.ready.length > 0) this.tell(tcb.listener);
    if (tcb.events !== 0 && tcb.held) this.tell(tcb);
  }

  /** They end in the order in which they came, but for those that were begun anew or reset. */
  #forgetEnded(): void {
    for (;;) {
      const oldest = this.#timeWait.peek();
      if (oldest === undefined || oldest.state === TIME_WAIT) return;
      this.#timeWait.shift();
    }
  }

  /** SEND found no page although its own buffer had room. */
  starve(tcb: Tcb): void {
    if (tcb.starved) return;
    tcb.starved = true;
    this.#starved.push(tcb);
  }

  /** Pages may have come back: whoever was refused one may try again. */
  feed(): void {
    const { slab } = this.#env;
    while (this.#starved.size > 0 && slab.available > slab.pages >> 4) {
      const tcb = this.#starved.shift()!;
      tcb.starved = false;
      tcb.events |= EVENT_WRITABLE;
      if (tcb.held && tcb.state !== CLOSED) this.tell(tcb);
    }
  }

  tell(who: Tcb | PassiveOpen): void {
    if (who.inEvents) return;
    who.inEvents = true;
    this.events.push(who);
  }

  /** Nothing more to send for now: its timers are armed, or it is taken away. */
  settle(tcb: Tcb, now: number): void {
    tcb.inOutput = false;
    if (tcb.state !== CLOSED) {
      // What it sent may have made room for its writer.
      if (tcb.events !== 0 && tcb.held) this.tell(tcb);
      this.deadlines.arm(tcb.id, tcb.deadline());
      if (this.#sleep.rests(tcb, now)) this.deadlines.arm(SLEEP_TIMER, this.#sleep.due());
      return;
    }
    if (this.#byId[tcb.id] !== tcb) return;
    // It may have ended while it tried to send: nobody else took it out of the table, or told its user.
    this.demux.remove(tcb);
    this.#uncountSource(tcb);
    if (tcb.events !== 0 && tcb.held) this.tell(tcb);
    this.deadlines.cancel(tcb.id);
    this.#byId[tcb.id] = null;
    this.#freeIds.push(tcb.id);
    if (!tcb.held && tcb.listener === null) forgetUnread(tcb);
  }
}

function ipHeader(remote: Address): number {
  return remote.family === 4 ? ipv4.HEADER_MIN : ipv6.HEADER;
}

/** What was received and will not be read gives its pages back. */
export function forgetUnread(tcb: Tcb): void {
  tcb.receiveQueue.clear();
  tcb.rcv.unread = 0;
}

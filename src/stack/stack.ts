import type { Address } from "#ip/address";
import * as calls from "#tcp/machine/calls";
import { finish } from "#tcp/machine/finish";
import { info, type TcpInfo } from "#tcp/machine/info";
import { quickAck } from "#tcp/receive/acknowledging";
import { TAKES_NONE } from "#tcp/words/arrival";
import type { Dormant } from "#tcp/words/dormant";
import { OK } from "#tcp/words/error";
import * as M from "#tcp/words/marks";
import { type TcpSettings, withSettings } from "#tcp/words/params";
import { PassiveOpen } from "#tcp/words/passive-open";
import { SEND_CONTINUED } from "#tcp/words/send-flags";
import { CLOSED, SYN_RECEIVED } from "#tcp/words/state";
import { Tcb } from "#tcp/words/tcb";
import { CallError } from "./call-error.ts";
import { forgetUnread } from "./connections.ts";
import { DriverSide } from "./driver-side.ts";
import type { ActiveOpenOptions, PassiveOpenOptions } from "./options.ts";
import { checkPort, type IsFree } from "./ports.ts";

/**
 * One TCP/IP stack: packets in, packets out, the time passed as an argument, and calls from the user. It has no clock, no device and no
 * randomness of its own, so a run is a function of its options, its packets, its calls and their times.
 *
 * The driver calls `input`, `advance`, `poll` and `nextDeadline` (`DriverSide`); the user makes the calls that are here.
 */
export class Stack extends DriverSide {
  /**
   * Active OPEN. Throws CallError: EINVAL (an address no host has, MUST-46), EADDRNOTAVAIL (a local address that is not
   * ours, or no port left), EADDRINUSE (the 4-tuple is taken), ENOBUFS (limit of connections). The remote may be one of our own
   * addresses, or a loopback one.
   */
  connect(remote: Address, remotePort: number, options: ActiveOpenOptions, now: number): Tcb {
    this.routing.checkHost(remote);
    checkPort(remotePort, 1);
    const local = this.routing.source(remote, options.local ?? null);
    const port = this.#localPort(local, options.localPort ?? 0, remote, remotePort);
    const params = withSettings(this.params, options.params ?? {});
    const tcb = this.table.create(params, { local, localPort: port, remote, remotePort }, now);
    tcb.held = true;
    calls.open(tcb, now);
    if (options.timeout) calls.limitHandshake(tcb, now + options.timeout);
    this.table.touch(tcb);
    return tcb;
  }

  /** Passive OPEN. Port 0: any that is free (RFC 6056). Throws CallError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  listen(port: number, options: PassiveOpenOptions = {}): PassiveOpen {
    checkPort(port, 0);
    const { local = null, remote = null, remotePort = 0, backlog = 128 } = options;
    this.routing.checkLocal(local);
    const chosen = port > 0 ? port : this.ports.chooseLocal(local, (each) => this.listeners.isFree(each));
    if (chosen < 0) throw new CallError("EADDRINUSE", "no port is free for a listener");
    const params = withSettings(this.params, options.params ?? {});
    const listener = new PassiveOpen(local, chosen, params, backlog, remote, remotePort);
    this.listeners.add(listener);
    return listener;
  }

  /** The oldest connection waiting to be accepted, or null. It may have ended meanwhile: check its state. */
  accept(listener: PassiveOpen): Tcb | null {
    const tcb = listener.ready.shift() ?? null;
    if (tcb !== null) {
      tcb.listener = null;
      tcb.held = true;
      // It has a user now, which may allow it to sleep.
      this.table.touch(tcb);
    }
    return tcb;
  }

  /** Ends a passive OPEN. Connections that nobody accepted are reset (RFC 9293 §3.10.4). */
  unlisten(listener: PassiveOpen, now: number): void {
    listener.closed = true;
    this.listeners.remove(listener);
    for (const tcb of this.table.all()) {
      if (tcb.listener !== listener) continue;
      // A half-open connection ends silently: the peer's next segment gets an RST.
      if (tcb.state === SYN_RECEIVED && !tcb.fast.early) finish(tcb, OK, M.CALL_CLOSE, now);
      else calls.abort(tcb, now);
      tcb.listener = null;
      this.table.touch(tcb);
    }
    for (const tcb of listener.ready) {
      tcb.listener = null;
      this.release(tcb);
    }
    listener.ready.length = 0;
  }

  /**
   * SEND. Returns the octets taken (fewer when buffers are full), or a negative error code.
   * @param flags SEND_* (`#tcp/words/send-flags`): more follows, this ends a record, this is urgent
   */
  send(tcb: Tcb, source: Uint8Array, from: number, n: number, now: number, flags = 0): number {
    const taken = this.#take(tcb, source, from, n, flags, now);
    if (taken >= 0) this.table.touch(tcb);
    if (taken >= 0 && taken < n && calls.sendRoom(tcb, n - taken) > 0) this.table.waitForMemory(tcb);
    return taken;
  }

  /** How many of `n` octets `sendFrom` would take, or a negative error code. If only memory is missing, the connection waits for it. */
  sendSpace(tcb: Tcb, n: number): number {
    const room = calls.sendSpace(tcb, n);
    if (room === 0 && calls.sendRoom(tcb, n) > 0) this.table.waitForMemory(tcb);
    return room;
  }

  /**
   * SEND of up to `n` octets, at most `sendSpace`, that `fill` puts into views of the send queue. It returns how many, and must not call the
   * stack. Returns the octets taken, or a negative error code.
   */
  sendFrom(tcb: Tcb, fill: (room: Uint8Array[]) => number, n: number, now: number): number {
    const taken = calls.sendFrom(tcb, fill, n, now);
    if (taken >= 0) this.table.touch(tcb);
    return taken;
  }

  /** SEND of `n` shared octets of the slab at `o`. Returns the octets taken, or a negative error code. */
  sendShared(tcb: Tcb, o: number, n: number, now: number): number {
    const taken = calls.sendShared(tcb, o, n, now);
    if (taken >= 0) this.table.touch(tcb);
    if (taken >= 0 && taken < n && calls.sendRoom(tcb, n - taken) > 0) this.table.waitForMemory(tcb);
    return taken;
  }

  /** Queues the data piece by piece if the buffering policy counts room so: sending one piece makes room for the next. */
  #take(tcb: Tcb, source: Uint8Array, from: number, n: number, flags: number, now: number): number {
    let taken = calls.send(tcb, source, from, n, flags, now);
    while (tcb.output.goesOn) {
      this.table.touch(tcb);
      this.whileSending?.(now);
      const more = calls.send(tcb, source, from + taken, n - taken, flags | SEND_CONTINUED, now);
      if (more <= 0) break;
      taken += more;
    }
    calls.endSend(tcb);
    return taken;
  }

  /** Whether SEND would take enough octets to make waking a writer worthwhile. */
  writable(tcb: Tcb): boolean {
    return calls.writable(tcb) && calls.mayTake(tcb);
  }

  /** Holds back segments smaller than the MSS, or releases them (TCP_CORK). */
  cork(tcb: Tcb, on: boolean, now: number): void {
    calls.cork(tcb, on, now);
    this.table.touch(tcb);
  }

  /** Everything queued so far is urgent (RFC 9293 MUST-30). */
  markUrgent(tcb: Tcb): void {
    calls.markUrgent(tcb);
    this.table.touch(tcb);
  }

  /** RECEIVE. Returns how many octets were copied to `target` at offset `to`. */
  receive(tcb: Tcb, target: Uint8Array, to: number, n: number): number {
    const taken = calls.receive(tcb, target, to, n);
    this.table.memoryFreed();
    if (tcb.ackNow !== 0) this.table.touch(tcb);
    return taken;
  }

  /**
   * A view of the next octets that RECEIVE would copy, up to the end of their page or packet, valid until the next call of the stack. Not empty if
   * anything is unread.
   */
  unread(tcb: Tcb): Uint8Array {
    return calls.view(tcb);
  }

  /**
   * The user can take text directly from packets, during the turn (`hasText`), if it has at least `least` octets. By default, and with
   * null, all text goes to the receive queue.
   */
  takeFromPackets(tcb: Tcb, least: number | null): void {
    tcb.takesFrom = least ?? TAKES_NONE;
  }

  /**
   * RECEIVE without consuming the octets.
   * @param after octets to skip first
   */
  peek(tcb: Tcb, target: Uint8Array, to: number, n: number, after = 0): number {
    return calls.peek(tcb, target, to, n, after);
  }

  /** On: sends ACKs at once, also one that is being delayed. Off: delays ACKs (TCP_QUICKACK). */
  quickAck(tcb: Tcb, on: boolean): void {
    quickAck(tcb, on);
    this.table.touch(tcb);
  }

  /** RECEIVE that discards the octets; returns how many. */
  discard(tcb: Tcb, n: number): number {
    const taken = calls.discard(tcb, n);
    this.table.memoryFreed();
    if (tcb.ackNow !== 0) this.table.touch(tcb);
    return taken;
  }

  /** CLOSE of our direction: sends FIN after the queued data; receiving continues. */
  closeSend(tcb: Tcb, now: number): void {
    calls.closeSend(tcb, now);
    this.table.touch(tcb);
  }

  /** CLOSE of both directions, as close(2): sends RST instead of FIN if data is unread. */
  close(tcb: Tcb, now: number): void {
    calls.closeBoth(tcb, now);
    this.table.touch(tcb);
  }

  /** ABORT: sends RST. */
  abort(tcb: Tcb, now: number): void {
    const current = this.table.current(tcb);
    calls.abort(current, now);
    this.table.touch(current);
    if (current !== tcb) calls.abort(tcb, now);
  }

  /** The user no longer uses the connection: it closes by itself, and data that still arrives is discarded. */
  release(tcb: Tcb): void {
    tcb.held = false;
    tcb.user = null;
    if (tcb.state === CLOSED) forgetUnread(tcb);
    else this.table.packTimeWait(tcb);
  }

  /** Changes the defaults; connections and listeners that exist keep theirs. */
  setDefaults(params: TcpSettings): void {
    this.params = withSettings(this.params, params);
    this.pathMtu.floor = this.params.icmpErrors.pathMtuFloor;
  }

  /** The link's MTU changed: applies to new connections and to fragmentation. */
  setMtu(mtu: number): void {
    this.mtu = mtu;
    this.pathMtu.linkMtu = mtu;
  }

  /** Changes options of an open connection. What was agreed in the handshake stays. */
  setParams(tcb: Tcb, params: TcpSettings, now: number): void {
    calls.setParams(tcb, params, now);
    this.table.touch(tcb);
  }

  /** Call after changing an option of the connection: it may now have something to send. */
  touch(tcb: Tcb): void {
    this.table.touch(tcb);
  }

  /** The present state, also of a connection that was released in TIME-WAIT. */
  state(tcb: Tcb): number {
    this.table.refresh(tcb);
    return tcb.state;
  }

  /** STATUS. */
  info(tcb: Tcb, now?: number): TcpInfo {
    this.table.refresh(tcb);
    return info(tcb, now);
  }

  /** The next connection or listener with events to report, or undefined. The caller must clear a connection's `events`. */
  nextEvent(): Tcb | PassiveOpen | undefined {
    const next = this.table.events.shift();
    if (next === undefined) return next;
    next.inEvents = false;
    if (next instanceof Tcb && !next.held) this.table.packTimeWait(next);
    return next;
  }

  /** All connections in any state but CLOSED. Sleeping ones are woken, and fall asleep again later. */
  *connections(): Iterable<Tcb> {
    for (const row of this.table.demux.values()) yield this.table.awake(row);
  }

  /** The TCB of a sleeping connection, on which its user (`Sleeper`) wants to act. */
  wake(dormant: Dormant): Tcb {
    return this.table.awake(dormant);
  }

  /** How many connections are stored in compact form because they are idle, or half-open. */
  get asleepCount(): number {
    return this.table.asleep;
  }

  get connectionCount(): number {
    return this.table.demux.size;
  }

  /** Records of segments in flight, over all connections: 0 after the last one has ended. */
  get recordsInUse(): number {
    return this.records.used;
  }

  // A connection from a port to itself would open by its own SYN (RFC 9293 §3.5): nobody means that by "any port".
  readonly #mayChoose: IsFree = (port, local, remote, remotePort) =>
    !(port === remotePort && local.equals(remote)) && this.table.isFree(port, local, remote, remotePort);

  #localPort(local: Address, wanted: number, remote: Address, remotePort: number): number {
    if (wanted !== 0) {
      checkPort(wanted, 1);
      if (this.table.isFree(wanted, local, remote, remotePort)) return wanted;
      throw new CallError("EADDRINUSE", `a connection ${local}:${wanted} to ${remote}:${remotePort} exists already`);
    }
    const port = this.ports.choose(local, remote, remotePort, this.#mayChoose);
    if (port < 0) throw new CallError("EADDRNOTAVAIL", `no port is free for ${remote}:${remotePort}`);
    return port;
  }
}

import type { Trace } from "#base/trace";
import { type Address, parseAddress } from "#ip/address";
import { eventsOf, type TraceEvent } from "#observe/events";
import { CallError } from "#stack/call-error";
import { takeEvents } from "#stack/connection";
import type { ActiveOpenOptions } from "#stack/options";
import { RefusedSyns } from "#stack/refused-syns";
import type { Stack } from "#stack/stack";
import type { TcpInfo } from "#tcp/machine/info";
import { CookieKeys, KEY } from "#tcp/open/fast-open-cookie";
import { PassiveOpen } from "#tcp/words/passive-open";
import type { Tcb } from "#tcp/words/tcb";
import { AddressCache } from "./address-cache.ts";
import { checkConnectOptions, checkListenOptions, checkResolveOptions } from "./arguments.ts";
import { checkBytes, invalid, whole } from "./checks.ts";
import { ConnectionError } from "./connection-error.ts";
import { Deferred } from "./deferred.ts";
import { addressOf, endpointOf, hostOf, nameOf, remoteOf } from "./endpoint.ts";
import type { InterceptOptions } from "./intercept-types.ts";
import { connectByName, type NameContext } from "./names/connect-by-name.ts";
import type { NamedSocket } from "./names/named-socket.ts";
import { Names } from "./names/names.ts";
import { Attempt } from "./names/race.ts";
import { type NetFlow, NetInterception } from "./net-interception.ts";
import { onAbort } from "./on-abort.ts";
import { fastOpenParams, microseconds, paramsOf } from "./options.ts";
import type { Ping } from "./ping.ts";
import { Pings } from "./pings.ts";
import { stackFetch } from "./stack-fetch.ts";
import type { EngineStack, Host, ResolveOptions } from "./stack-types.ts";
import { TcpListener } from "./tcp-listener.ts";
import { TcpSocket } from "./tcp-socket.ts";
import { traitsOf } from "./traits.ts";
import type { ConnectOptions, Endpoint, Listener, ListenOptions, Socket } from "./types.ts";
import { checkBindOptions } from "./udp-arguments.ts";
import { type UdpContext, UdpNetSocket } from "./udp-socket.ts";
import type { BindOptions, PingOptions, PingSummary, UdpSocket } from "./udp-types.ts";

/** A host that the stack also closes. */
export interface Platform {
  ref(): void;
  unref(): void;
  /** Sends the remaining packets, then frees everything. */
  end(): Promise<void>;
}

/** The stack's calls as promises and streams. */
export class TcpNetStack implements EngineStack, NameContext, UdpContext {
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly engine: Stack;
  readonly host: Host;
  readonly cache = new AddressCache();
  fetch = stackFetch(this);
  onTrace: ((trace: Trace) => void) | null = null;
  onEvents: ((events: readonly TraceEvent[]) => void) | null = null;
  onRefused: ((remote: Endpoint, port: number, count: number) => void) | null = null;
  readonly #refused = new RefusedSyns();
  readonly #platform: Platform;
  readonly #closed = new Deferred<void>();
  readonly #listeners = new Set<TcpListener>();
  readonly #udpSockets = new Set<UdpNetSocket>();
  readonly #pings = new Pings(this);
  readonly searches = new Set<NamedSocket>();
  /** How names are resolved: set when the stack is made. */
  names = new Names({ four: false, six: false, resolve: null, hosts: null, dns: null });
  #interception: NetInterception | null = null;
  /** The program stays alive for the stack, or else for these sockets and listeners. */
  #referenced = true;
  readonly #keepers = new Set<object>();
  /** It was closed, or its device has vanished. */
  #ending = false;

  constructor(engine: Stack, host: Host, platform: Platform) {
    this.engine = engine;
    this.host = host;
    this.#platform = platform;
    this.addresses = engine.local.own.map(String);
    this.mtu = engine.mtu;
    host.onEvents = (beforeSending = false) => this.#onEvents(beforeSending);
    if (host.onText !== undefined) host.onText = () => this.#onText();
    engine.refused = this.#refused;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  connect(remote: Endpoint | string, options: ConnectOptions = {}): Socket {
    this.#checkOpen();
    checkConnectOptions(options);
    const name = nameOf(remote);
    if (name !== null) return this.#connectByName(name, options);
    const { address, port } = remoteOf(remote);
    const { engine, host } = this;
    const { signal, earlyData } = options;
    const open = openOptions(options);
    const traits = traitsOf(options);
    const now = host.now();
    const tcb = engine.connect(address, port, open, now);
    if (earlyData !== undefined) this.#writeEarly(tcb, earlyData, now);
    host.wake();
    const socket = new TcpSocket(this, tcb, traits);
    if (signal !== undefined) follow(socket, signal);
    return socket;
  }

  #connectByName({ hostname, port }: Endpoint, options: ConnectOptions): Socket {
    const { resolve = null, signal } = options;
    if (options.earlyData !== undefined) {
      throw invalid(`earlyData needs an address instead of ${hostname}: of a name's addresses several may be tried`);
    }
    const open = openOptions(options);
    const socket = connectByName(this, {
      remote: { hostname: this.names.check(hostname, resolve), port },
      traits: traitsOf(options),
      open: { ...open, timeout: 0 },
      timeout: open.timeout ?? 0,
      resolve,
    });
    if (signal !== undefined) follow(socket, signal);
    return socket;
  }

  async resolve(name: string, options: ResolveOptions = {}): Promise<string[]> {
    this.#checkOpen();
    checkResolveOptions(name, options);
    const address = parseAddress(name);
    if (address !== null) return [address.toString()];
    const found: string[] = [];
    const checked = this.names.check(name);
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const search = this.names.find(checked, (addresses) => found.push(...addresses), signal);
    // A resolver of the application may ignore the signal, and one family may have answered already.
    const aborted = new Deferred<void>();
    onAbort(signal, () => aborted.reject(signal.reason), search);
    await Promise.race([search, aborted.promise]);
    return found;
  }

  listen(options: ListenOptions): Listener {
    this.#checkOpen();
    checkListenOptions(options);
    const { port, hostname, remote, remotePort, backlog } = options;
    const traits = traitsOf(options);
    const local = hostname === undefined ? null : addressOf(hostname);
    const engineListener = this.engine.listen(whole("port", port, 0, 65_535), {
      // 0.0.0.0 and :: mean every address.
      ...(local === null || local.isUnspecified ? {} : { local }),
      ...(remote === undefined ? {} : { remote: hostOf(remote) }),
      ...(remotePort === undefined ? {} : { remotePort: whole("remotePort", remotePort, 1, 65_535) }),
      ...(backlog === undefined ? {} : { backlog: whole("backlog", backlog, 0, 65_535) }),
      params: { ...paramsOf(options), ...fastOpenParams(options.fastOpen) },
    });
    const listener = new TcpListener(this, engineListener, traits);
    this.#listeners.add(listener);
    return listener;
  }

  bind(options: BindOptions = {}): UdpSocket {
    this.#checkOpen();
    checkBindOptions(options);
    const { address, port = 0, connect, receiveBuffer, broadcast = false, socket: handlers } = options;
    const local = address === undefined ? null : addressOf(address);
    const everywhere = local === null || local.isUnspecified;
    const endpoint = this.engine.datagrams.open({
      port: whole("port", port, 0, 65_535),
      local: everywhere ? null : local,
      broadcast,
      ...(receiveBuffer === undefined ? {} : { receiveBuffer: whole("receiveBuffer", receiveBuffer, 1, 1 << 30) }),
    });
    const socket = new UdpNetSocket(this, endpoint, this.addresses.some(isFour) ? "0.0.0.0" : "::", handlers);
    this.#udpSockets.add(socket);
    if (connect === undefined) return socket;
    try {
      socket.connect(connect);
    } catch (error) {
      void socket.close();
      throw error;
    }
    return socket;
  }

  ping(host: string, options: PingOptions = {}): Promise<PingSummary> {
    this.#checkOpen();
    return this.#pings.start(host, options);
  }

  intercept(options: InterceptOptions): NetInterception {
    this.#checkOpen();
    const interception = new NetInterception(this, options, () => {
      this.#interception = null;
    });
    this.#interception = interception;
    return interception;
  }

  /** Writes all of the early data, or throws: a part of a request is useless. */
  #writeEarly(tcb: Tcb, data: Uint8Array, now: number): void {
    const taken = this.engine.send(tcb, data, 0, data.length, now);
    if (taken === data.length) return;
    const full = this.engine.info(tcb).sendBuffer > taken;
    this.engine.abort(tcb, now);
    this.engine.release(tcb);
    if (full) throw new CallError("ENOBUFS", "the stack has no memory left for the early data");
    throw invalid(`earlyData must fit the send buffer of ${taken} octets, and has ${data.length}`);
  }

  setFastOpenKey(key: Uint8Array, previous?: Uint8Array): void {
    checkBytes("key", key);
    if (previous !== undefined) checkBytes("previous", previous);
    for (const each of [key, previous]) {
      if (each === undefined || each.length === KEY) continue;
      throw invalid(`a Fast Open key must have ${KEY} octets, not ${each.length}`);
    }
    this.engine.fastOpen.keys = new CookieKeys(key, previous);
  }

  connections(): TcpInfo[] {
    const all = Array.from(this.engine.connections(), (tcb) => this.engine.info(tcb));
    // Those that slept are awake now, and may fall asleep again after a turn.
    this.host.wake();
    return all;
  }

  counters(): Record<string, number> {
    return this.engine.counters.snapshot();
  }

  ref(): void {
    this.#referenced = true;
    this.#platform.ref();
  }

  unref(): void {
    this.#referenced = false;
    if (this.#keepers.size === 0) this.#platform.unref();
  }

  keepAlive(socket: object, on: boolean): void {
    if (on) {
      this.#keepers.add(socket);
      this.#platform.ref();
    } else if (this.#keepers.delete(socket) && this.#keepers.size === 0 && !this.#referenced) {
      this.#platform.unref();
    }
  }

  async close(): Promise<void> {
    if (!this.#ending) {
      this.#ending = true;
      this.#abortAll();
      this.host.wake();
      await this.#platform.end();
      this.#onEvents(false);
      this.#closed.resolve();
    }
    await this.#closed.promise.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The device vanished: ends all connections. */
  gone(name: string): void {
    if (this.#ending) return;
    this.#ending = true;
    const error = new ConnectionError("ENETDOWN", `the device ${name} vanished`);
    this.#abortAll(error);
    this.#onEvents(false);
    void this.#platform.end();
    this.#closed.reject(error);
  }

  forget(listener: TcpListener): void {
    this.#listeners.delete(listener);
  }

  forgetUdp(socket: UdpNetSocket): void {
    this.#udpSockets.delete(socket);
  }

  #checkOpen(): void {
    if (this.#ending) throw new CallError("ECONNABORTED", "this stack is closed");
  }

  #abortAll(reason?: ConnectionError): void {
    this.#interception?.close();
    for (const socket of [...this.#udpSockets]) socket.end(reason ?? null);
    this.#pings.abort(reason);
    for (const search of [...this.searches]) search.abort(reason);
    for (const listener of [...this.#listeners]) void listener.close();
    for (const tcb of [...this.engine.connections()]) {
      if (tcb.user instanceof TcpSocket) tcb.user.drop(reason ?? new Error("this stack was closed"));
      else this.engine.abort(tcb, this.host.now());
    }
  }

  #tellRefused(remote: Address): void {
    const { remotePort, localPort, count } = this.#refused;
    this.#refused.clear();
    queueMicrotask(() => this.onRefused?.(endpointOf(remote, remotePort), localPort, count));
  }

  /** Gives the text of a packet to its socket. What that leaves is kept for later. */
  #onText(): void {
    const { engine } = this;
    const socket = engine.textOf?.user;
    if (socket instanceof TcpSocket) socket.onText();
    engine.keepText();
  }

  /** Delivers the engine's events, once per turn. */
  #onEvents(beforeSending: boolean): void {
    const { engine } = this;
    for (let next = engine.nextEvent(); next !== undefined; next = engine.nextEvent()) {
      if (next instanceof PassiveOpen) (next.user as TcpListener).onEvents();
      else if (next.user instanceof TcpSocket || next.user instanceof Attempt) next.user.onEvents();
      // The socket was released before its events were delivered.
      else takeEvents(next);
    }
    const { datagrams, echo, alarms } = engine;
    for (let due = alarms.nextEvent(); due !== undefined; due = alarms.nextEvent()) due.ring();
    for (let next = datagrams.nextEvent(); next !== undefined; next = datagrams.nextEvent()) {
      (next as UdpNetSocket | NetFlow).onEvents();
    }
    this.#interception?.onEvents();
    for (let next = echo.nextEvent(); next !== undefined; next = echo.nextEvent()) {
      this.#pings.onEvents(next as Ping);
    }
    if (this.#refused.remote !== null) this.#tellRefused(this.#refused.remote);
    // What is sent in answer belongs to the same story.
    const { trace } = engine;
    if (beforeSending || trace.size === 0) return;
    this.onTrace?.(trace);
    const events = this.onEvents === null ? null : [...eventsOf(trace, this.addresses[0]!)];
    trace.drain();
    if (events !== null) queueMicrotask(() => this.onEvents?.(events));
  }
}

/** The engine's options of an active OPEN. @throws CallError EINVAL. */
function openOptions(options: ConnectOptions): ActiveOpenOptions {
  const { localAddress, localPort, timeout, earlyData, fastOpen = earlyData !== undefined } = options;
  // The timeout is of the handshake alone. The user timeout of later data is separate.
  const open: ActiveOpenOptions = {
    timeout: timeout === undefined ? 0 : microseconds("timeout", timeout),
    params: paramsOf(options),
  };
  if (localAddress !== undefined) open.local = addressOf(localAddress);
  if (localPort !== undefined) open.localPort = whole("localPort", localPort, 1, 65_535);
  if (fastOpen) open.params!.fastOpen = true;
  return open;
}

/** Aborts when the signal fires. A function of its own: the closure would cost each `connect` an environment. */
function follow(socket: Socket, signal: AbortSignal): void {
  onAbort(signal, () => socket.abort(signal.reason), socket.closed);
}

const isFour = (address: string) => !address.includes(":");

import type { Mark } from "#base/mark";
import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { type Device, TX_REFUSED } from "#device/device";
import { SegmentationDevice } from "#device/segmentation";
import { Address } from "#ip/address";
import type { EventSink } from "#observe/events";
import { Recorder } from "#observe/recorder";
import { CallError } from "#stack/call-error";
import { earlyRoom, takeEvents } from "#stack/connection";
import { Stack } from "#stack/stack";
import type { CookieKeys } from "#tcp/open/fast-open-cookie";
import { DEFAULT_PARAMS, type TcpParams, withSettings } from "#tcp/words/params";
import { PassiveOpen } from "#tcp/words/passive-open";
import type { Tcb } from "#tcp/words/tcb";
import {
  type EarlyData,
  type MachineSocket,
  type Profile,
  Refused,
  type SettingValue,
  type SocketOptions,
  type Target,
  type TargetListener,
  type TargetSetup,
  type TargetUdp,
} from "../../posix/target.ts";
import { StackConnection } from "./connection.ts";
import { linuxCounters } from "./counters.ts";
import {
  clientParams,
  fastOpenBit,
  keysOfOption,
  keysOfSetting,
  mayOpenFast,
  serverParams,
  withoutCookies,
} from "./fast-open.ts";
import { socketInfo } from "./info.ts";
import { freeBsdSocketInfo } from "./info-freebsd.ts";
import { initialOption, optionParams, type Params, PROFILES, READ_LATE, settingParams } from "./settings.ts";
import { StackUdp } from "./udp.ts";
import { Wire } from "./wire.ts";

/** Options that belong to the socket and not to the connection's parameters; accepted sockets inherit them. */
const OF_THE_SOCKET = new Set(["TCP_CORK", "TCP_NOPUSH", "TCP_QUICKACK"]);
/** Records between two drains: of a run that is recorded, and else. */
const TRACE = { recorded: 4096, else: 256 };
/** Enough for the connections of a script, and quick to set up, because each script has its own stack. */
const LIMITS = { memory: 32 << 20, connections: 256, records: 4096 };

/** The real stack under test. In this folder only this file and its two helpers know the stack. */
export class StackTarget implements Target {
  readonly #setup: TargetSetup;
  #params: Params;
  #mtu: number;
  /** Whether the device segments super-segments. */
  readonly #offload: boolean;
  #stack: Stack | undefined;
  readonly #packet = new Packet();
  readonly #wire = new Wire();
  /** Segments super-segments, as a device without offload requires. */
  readonly #device: Device = new SegmentationDevice(this.#wire);
  readonly #connections: StackConnection[] = [];
  /** Listeners with the options of their sockets. */
  readonly #listeners = new Map<PassiveOpen, SocketOptions>();
  /** The bits of net.ipv4.tcp_fastopen, and the key from the script. */
  #fastOpenSysctl: number;
  #cookielessRoute = false;
  /** Upper limits for listen() and socket options: net.core.somaxconn, rmem_max, wmem_max. */
  readonly #most = new Map([
    ["backlog", 4_096],
    ["SO_RCVBUF", 212_992],
    ["SO_SNDBUF", 212_992],
  ]);
  #fastOpenKeys: CookieKeys | undefined;
  /** The page for arriving packets, which is never freed. */
  #slot = -1;
  /** Of the latest packet. */
  cause: Mark = 0;
  readonly #recorder: Recorder | null;

  get profile(): Profile {
    return this.#setup.profile;
  }

  /** @param params the initial parameters; if absent, those of the profile, which scripts expect. @param sink takes the stack's events */
  constructor(setup: TargetSetup, params: Params = PROFILES[setup.profile], sink?: EventSink) {
    this.#setup = setup;
    this.#recorder = sink === undefined ? null : new Recorder([sink]);
    this.#params = { ...params };
    this.#mtu = setup.mtu;
    this.#offload = setup.profile === "linux";
    this.#fastOpenSysctl = setup.profile === "rfc793" ? 0 : 1;
  }

  /** Made at first use, so that init commands can still change its options. */
  get stack(): Stack {
    if (this.#stack) return this.#stack;
    const { local, seed } = this.#setup;
    this.#stack = new Stack({
      addresses: [addressOf(local)],
      mtu: this.#mtu,
      seed,
      params: this.#params,
      limits: LIMITS,
      offload: { checksum: true, tso4: this.#offload, tso6: this.#offload },
      trace: this.#recorder === null ? TRACE.else : TRACE.recorded,
      whileSending: (now) => {
        while (this.#send(now));
      },
    });
    this.#recorder?.follow(this.#stack.trace, "stack", true);
    if (this.#fastOpenKeys) this.#stack.fastOpen.keys = this.#fastOpenKeys;
    this.#device.attach(this.#stack.slab);
    this.#slot = this.#stack.slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
    return this.#stack;
  }

  input(bytes: Uint8Array, now: number, segmentSize = 0): void {
    const stack = this.stack;
    this.#noteEcn(bytes);
    stack.slab.u8.set(bytes, this.#slot);
    this.#packet.clear();
    this.#packet.o = this.#slot;
    this.#packet.n = bytes.length;
    this.#packet.gsoSize = segmentSize;
    stack.trace.verdict = 0;
    stack.input(this.#packet, now);
    this.cause = stack.trace.verdict;
    this.#drainEvents();
  }

  /** For tcp_info, which reports whether the peer ever sent a packet with an ECN codepoint. */
  #noteEcn(bytes: Uint8Array): void {
    const v6 = bytes[0]! >> 4 === 6;
    if (((v6 ? bytes[1]! >> 4 : bytes[1]!) & 3) === 0) return;
    const o = v6 ? 40 : (bytes[0]! & 15) * 4;
    const port = (at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
    for (const c of this.#connections) if (c.remotePort === port(o) && c.localPort === port(o + 2)) c.ecnSeen = true;
  }

  advance(now: number): void {
    this.#stack?.advance(now);
    this.#drainEvents();
  }

  nextDeadline(): number {
    return this.#stack?.nextDeadline() ?? Number.POSITIVE_INFINITY;
  }

  output(now: number): Uint8Array | undefined {
    while (this.#wire.sent.length === 0 && this.#stack && this.#send(now));
    const next = this.#wire.sent.shift();
    this.cause = next?.cause ?? 0;
    return next?.bytes;
  }

  /** Moves one packet from the stack to the wire. False: it had none. */
  #send(now: number): boolean {
    if (!this.stack.poll(this.#packet, now)) return false;
    this.#record();
    const result = this.#device.transmit(this.#packet, now);
    if (result === TX_REFUSED) this.stack.sendFailed(this.#packet, now);
    return true;
  }

  /** Events are discarded, because the calls query the connections themselves. */
  #drainEvents(): void {
    this.#record();
    for (let who = this.#stack?.nextEvent(); who; who = this.#stack?.nextEvent())
      if (!(who instanceof PassiveOpen)) takeEvents(who);
  }

  #record(): void {
    this.#recorder?.read();
    this.#stack?.trace.drain();
  }

  configure(name: string, value: SettingValue, now: number): boolean {
    if (name === "mtu") {
      this.#mtu = Number(value);
      this.#stack?.setMtu(this.#mtu);
      return true;
    }
    if (name === "queueLimit") {
      this.#wire.isFull = value === 0;
      return true;
    }
    const bit = fastOpenBit(name);
    if (bit !== undefined)
      return this.#configureFastOpen("fastOpen", value ? this.#fastOpenSysctl | bit : this.#fastOpenSysctl & ~bit);
    if (/^(fastOpen|fastOpenKey|cookielessRoute)$/.test(name)) return this.#configureFastOpen(name, value);
    if (name === "forgetPeers" || name === "forgetRoutes") {
      this.#forget(name);
      return true;
    }
    const limited = /^most (.*)$/.exec(name)?.[1];
    if (limited !== undefined) return this.#most.has(limited) && this.#most.set(limited, Number(value)).size > 0;
    // Only one family is under test: the other one's default has no effect.
    if (name === "mssDefault4" || name === "mssDefault6")
      return !name.endsWith(`${this.#setup.family}`) || this.configure("mssDefault", value, now);
    const params = settingParams(name, value);
    if (!params) return false;
    this.#params = { ...this.#params, ...params };
    this.#stack?.setDefaults(params);
    for (const listener of this.#listeners.keys()) listener.params = withSettings(listener.params, params);
    if (READ_LATE.has(name)) for (const tcb of this.#stack?.connections() ?? []) this.stack.setParams(tcb, params, now);
    return true;
  }

  /** Linux stores Fast Open cookies per peer and the path MTU per route; FreeBSD's host cache has both. */
  #forget(what: "forgetPeers" | "forgetRoutes"): void {
    const both = this.profile === "freebsd";
    if (what === "forgetPeers" || both) this.#stack?.fastOpen.cache.clear();
    if (what === "forgetRoutes" || both) this.#stack?.pathMtu.clear();
  }

  /** A kernel reads the bits whenever a SYN is sent or received. */
  #configureFastOpen(name: string, value: SettingValue): boolean {
    if (name !== "fastOpenKey") {
      if (name === "fastOpen") this.#fastOpenSysctl = Number(value);
      else this.#cookielessRoute = value === true;
      for (const [listener, options] of this.#listeners) this.#serve(listener, options);
      return true;
    }
    const keys = keysOfSetting(value);
    if (!keys) return false;
    this.#fastOpenKeys = keys;
    if (this.#stack) this.#stack.fastOpen.keys = keys;
    return true;
  }

  get #fastOpen(): number {
    return this.#cookielessRoute ? withoutCookies(this.#fastOpenSysctl) : this.#fastOpenSysctl;
  }

  #serve(listener: PassiveOpen, options: SocketOptions): void {
    listener.params = withSettings(listener.params, serverParams(this.#fastOpen, options, listener.backlog));
    const key = options.get("TCP_FASTOPEN_KEY");
    if (key !== undefined) listener.fastOpenKeys = keysOfOption(key) ?? null;
  }

  accepts(name: string, value: SettingValue): boolean {
    if (name === "TCP_FASTOPEN_KEY") return keysOfOption(value) !== undefined;
    return optionParams(name, value, this.profile) !== undefined;
  }

  most(name: string): number | undefined {
    return this.#most.get(name);
  }

  initial(name: string): SettingValue | undefined {
    return initialOption(name, this.#now, this.profile);
  }

  information(
    listening: { readonly waiting: number; readonly backlog: number } | undefined,
  ): Readonly<Record<string, number>> {
    return this.profile === "freebsd"
      ? freeBsdSocketInfo(this.#now, listening !== undefined)
      : socketInfo(this.#now, listening);
  }

  /** The parameters of new connections. */
  get #now(): TcpParams {
    return withSettings(DEFAULT_PARAMS, this.#params);
  }

  connect(
    localPort: number,
    remotePort: number,
    options: SocketOptions,
    now: number,
    early?: EarlyData,
  ): StackConnection | Refused {
    if (early && !mayOpenFast(this.#fastOpen)) return new Refused("EOPNOTSUPP");
    return orRefused(() => {
      const remote = addressOf(this.#setup.remote);
      const params = { ...this.#with(options), ...clientParams(this.#fastOpen, options, early !== undefined) };
      const tcb = this.stack.connect(remote, remotePort, { localPort, params }, now);
      const connection = this.#wrap(tcb);
      for (const [name, value] of options) if (OF_THE_SOCKET.has(name)) connection.setOption(name, value, now);
      if (early) connection.sendEarly(early, earlyRoom(tcb, now), now);
      return connection;
    });
  }

  fastOpenReady(remotePort: number, options: SocketOptions, now: number): boolean | Refused {
    if (!mayOpenFast(this.#fastOpen)) return new Refused("EOPNOTSUPP");
    const { cache } = this.stack.fastOpen;
    const place = cache.find(addressOf(this.#setup.local), addressOf(this.#setup.remote));
    const { fastOpenCookieless } = clientParams(this.#fastOpen, options, true);
    return cache.isReady(place, remotePort, fastOpenCookieless === true, now);
  }

  listen(localPort: number, backlog: number, options: SocketOptions): TargetListener | Refused {
    return orRefused(() =>
      this.#listener(
        this.stack.listen(localPort, {
          backlog,
          params: this.#with(options),
        }),
        new Map(options),
      ),
    );
  }

  #listener(listener: PassiveOpen, options: Map<string, SettingValue>): TargetListener {
    this.#listeners.set(listener, options);
    this.#serve(listener, options);
    return {
      localPort: listener.port,
      accept: (now) => {
        const tcb = this.stack.accept(listener);
        if (tcb === null) return undefined;
        const connection = this.#wrap(tcb);
        for (const [name, value] of options) if (OF_THE_SOCKET.has(name)) connection.setOption(name, value, now);
        return connection;
      },
      waiting: () => listener.ready.length,
      close: (now) => {
        this.#listeners.delete(listener);
        this.stack.unlisten(listener, now);
      },
      setOption: (name, value) => {
        if (!this.accepts(name, value)) return false;
        options.set(name, value);
        listener.params = withSettings(listener.params, optionParams(name, value, this.profile) ?? {});
        this.#serve(listener, options);
        return true;
      },
    };
  }

  #with(options: SocketOptions): Params {
    const params: Params = { ...this.#params };
    for (const [name, value] of options) Object.assign(params, optionParams(name, value, this.profile));
    return params;
  }

  #wrap(tcb: Tcb): StackConnection {
    const connection = new StackConnection(this.stack, tcb, this.#setup.profile);
    this.#connections.push(connection);
    return connection;
  }

  openUdp(localPort: number): TargetUdp | Refused {
    const { datagrams } = this.stack;
    return orRefused(
      () => new StackUdp(this.stack, datagrams.open({ port: localPort }), addressOf(this.#setup.remote)),
    );
  }

  counters(): Readonly<Record<string, number>> {
    return linuxCounters(this.stack.counters);
  }

  sockets(): readonly MachineSocket[] {
    const listeners = [...this.#listeners.keys()].map(
      ({ port, ready, backlog }): MachineSocket => ({
        state: "LISTEN",
        localPort: port,
        remotePort: 0,
        receiveQueue: ready.length,
        sendQueue: backlog,
      }),
    );
    const open = [...(this.#stack?.connections() ?? [])].map((tcb) => this.#socket(tcb));
    // An ended connection is listed as a socket as long as a descriptor refers to it.
    const ended = this.#connections.filter((c) => c.held && c.state() === "CLOSED").map((c) => c.summary());
    return [...listeners, ...open, ...ended];
  }

  #socket(tcb: Tcb): MachineSocket {
    const { state, sendQueue, receiveQueue } = this.stack.info(tcb);
    return { state, localPort: tcb.localPort, remotePort: tcb.remotePort, receiveQueue, sendQueue };
  }

  drop(which: (socket: MachineSocket) => boolean, now: number): number {
    const doomed = [...this.stack.connections()].filter((tcb) => which(this.#socket(tcb)));
    for (const tcb of doomed) this.stack.abort(tcb, now);
    return doomed.length;
  }
}

function orRefused<T>(call: () => T): T | Refused {
  try {
    return call();
  } catch (error) {
    if (error instanceof CallError) return new Refused(error.code);
    throw error;
  }
}

function addressOf(bytes: Uint8Array): Address {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return Address.v4(view.getUint32(0));
  return new Address(view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12));
}

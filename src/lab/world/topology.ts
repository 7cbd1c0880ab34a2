/** The hosts, routers and links of a world. */
import type { Engine } from "#driver/engine";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { parseAddress } from "#ip/address";
import type { EngineStack } from "#socket/stack-types";
import { Routes } from "../sim/routes.ts";
import { Simulation } from "../sim/simulation.ts";
import { logStackEvents } from "../sim/stack-events.ts";
import { type Surroundings, VirtualHost } from "./host.ts";
import { profilesOf, VirtualLink } from "./link.ts";
import { Record } from "./record.ts";
import { VirtualRouter } from "./router.ts";
import { route, type Vertex } from "./routing.ts";
import type { End, WorldHost, WorldHostOptions } from "./types.ts";
import { checkOptions, invalid } from "./world-error.ts";

/** The hosts' network is 10.0.0.0/16. */
const HOSTS_MAX = 65_534;
const HOST_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

interface Known extends Vertex {
  /** Where packets of this host must not go. */
  readonly barred: Routes<true>;
}

/** What hosts need to know of the run. */
type Running = Pick<Surroundings, "called" | "isRunning" | "whenRunning" | "died">;

/** The part of a world that may be drawn on paper. */
export abstract class Topology {
  /** @internal */
  protected readonly sim: Simulation;
  /** Null: packets and events are not kept. */
  protected readonly record: Record | null;
  readonly #hosts = new Map<string, VirtualHost>();
  readonly #routers = new Map<string, VirtualRouter>();
  readonly #links = new Map<string, VirtualLink>();
  /** By name. */
  readonly #vertices = new Map<string, Known>();
  /** By address, without its length. */
  readonly #names = new Map<string, string>();

  constructor(seed: number, isRecorded: boolean, settle: () => Promise<void>) {
    this.sim = new Simulation({ seed, errors: { tooBig, timeExceeded }, settle });
    this.record = isRecorded ? new Record({ command: "sim", seed }, this.#names) : null;
  }

  protected abstract readonly running: Running;

  /** The host of that name, which is made when it is named first. @throws WorldError EINVAL */
  host(name: string, options?: WorldHostOptions): VirtualHost {
    const found = this.#hosts.get(name);
    if (found !== undefined && options === undefined) return found;
    if (found !== undefined) throw invalid(`host ${name} is there already: give its options where it is first named`);
    this.#checkName(name);
    checkOptions(`host ${name}`, options ?? {}, ["address", "skew", "drift", "stack", "mtu"]);
    if (this.#hosts.size >= HOSTS_MAX) throw invalid(`a world has at most ${HOSTS_MAX} hosts`);
    const { address = this.#next() } = options ?? {};
    const addresses = (typeof address === "string" ? [address] : address).map((each) => this.#free(each));
    const host = new VirtualHost(name, this.#surroundings(name, addresses), options ?? {});
    for (const each of addresses) this.#names.set(each.replace(/\/\d+$/, ""), name);
    const barred = new Routes<true>();
    const prefixes = addresses.map((each) => `${each.replace(/\/\d+$/, "")}/${each.includes(":") ? 128 : 32}`);
    this.#vertices.set(name, { node: host.node, prefixes, edges: [], forwards: false, barred });
    this.#hosts.set(name, host);
    return host;
  }

  /** The router of that name, which is made when it is named first. @throws WorldError EINVAL */
  router(name: string): VirtualRouter {
    const found = this.#routers.get(name);
    if (found !== undefined) return found;
    this.#checkName(name);
    const router = new VirtualRouter(this.sim.router(name));
    const vertex = { node: router.router, prefixes: [], edges: [], forwards: true, barred: new Routes<true>() };
    this.#vertices.set(name, vertex);
    this.#routers.set(name, router);
    return router;
  }

  /**
   * The link between two ends, which is made when it is asked for first; hosts that are named first here are made, too. Packets take the way
   * with the fewest links. @param words what it does to packets, as `WorldLink.set`. Default: clear. @throws WorldError EINVAL
   */
  link(a: End, b: End, words?: string): VirtualLink {
    const links = this.#links.size;
    const link = this.#connect(a, b, words);
    if (this.#links.size > links) route(this.#vertices.values());
    return link;
  }

  /** Links each of these hosts with each other. */
  mesh(hosts: readonly End[], words?: string): VirtualLink[] {
    const links = hosts.flatMap((a, i) => hosts.slice(i + 1).map((b) => this.#connect(a, b, words)));
    route(this.#vertices.values());
    return links;
  }

  /** The link, without the routes that it may change. */
  #connect(a: End, b: End, words: string | undefined): VirtualLink {
    const [from, to] = [this.#vertex(a), this.#vertex(b)];
    if (from === to) throw invalid(`a link has two ends, and both of this one are ${from.node.name}`);
    const name = `${from.node.name}-${to.node.name}`;
    const found = this.#links.get(name) ?? this.#links.get(`${to.node.name}-${from.node.name}`);
    if (found !== undefined) return words === undefined ? found : found.set(words);
    const profiles = profilesOf(words ?? "");
    const wires = this.sim.connect(from.node, to.node, { there: profiles.out, back: profiles.in });
    this.record?.watch(wires);
    from.edges.push({ wire: wires.there, to });
    to.edges.push({ wire: wires.back, to: from });
    for (const [wire, { barred, forwards }] of [[wires.there, from] as const, [wires.back, to] as const])
      if (!forwards) wire.admits = (v, o, n) => barred.lookup(v, o, n) === undefined;
    const link = new VirtualLink(name, wires, profiles);
    this.#links.set(name, link);
    return link;
  }

  /** From now on no packet is sent from one group of hosts to another, until `heal`. With one group: to all others. */
  partition(...groups: readonly (readonly (WorldHost | string)[])[]): void {
    if (groups.length === 0 || !groups.every(Array.isArray))
      throw invalid('partition takes groups of hosts, each an array: partition(["a"], ["b", "c"])');
    const named = groups.map((group) => group.map((host) => this.#known(host).name));
    const rest = [...this.#hosts.keys()].filter((name) => !named[0]!.includes(name));
    const all = named.length === 1 ? [named[0]!, rest] : named;
    for (const group of all) {
      for (const other of all) {
        if (other === group) continue;
        for (const from of group) for (const to of other) this.#bar(from, to);
      }
    }
  }

  /** From now on nothing is sent from one host to another; the other direction is as before. */
  block(from: WorldHost | string, to: WorldHost | string): void {
    this.#bar(this.#known(from).name, this.#known(to).name);
  }

  /** Ends all partitions, and mends all links. */
  heal(): void {
    for (const { barred } of this.#vertices.values()) barred.clear();
    for (const link of this.#links.values()) if (link.isCut) link.mend();
  }

  /** @throws WorldError EINVAL if it can be a host's name and is none: packets have names of hosts, or addresses. */
  protected checkIsKnown(name: string | undefined): void {
    if (name !== undefined && HOST_NAME.test(name) && !this.#hosts.has(name))
      throw invalid(`there is no host ${name} in this world`);
  }

  /** The hosts that no packet can leave or reach. */
  protected unlinked(): string[] {
    const isAlone = (name: string) => this.#vertices.get(name)!.edges.length === 0;
    return this.#hosts.size < 2 ? [] : [...this.#hosts.keys()].filter(isAlone);
  }

  crash(host: WorldHost | string): void {
    this.#known(host).crash();
  }

  restart(host: WorldHost | string): void {
    this.#known(host).restart();
  }

  #surroundings(name: string, addresses: readonly string[]) {
    return {
      addresses,
      node: (engine: Engine) => this.sim.node(name, engine),
      now: () => this.sim.now,
      fork: () => this.sim.prng.fork(),
      resolve: (wanted: string) => this.#resolve(wanted),
      follow: (host: VirtualHost, stack: EngineStack) => {
        this.record?.follow(name, stack);
        stack.onTrace = (trace) => {
          this.record?.read();
          logStackEvents(trace, this.sim.log, host.node.id, name);
        };
      },
      ...this.running,
    };
  }

  #resolve(wanted: string): string[] {
    const found = [...this.#names].filter(([, name]) => name === wanted).map(([address]) => address);
    if (found.length === 0) throw new Error(`no host of this world is called ${wanted}`);
    return found;
  }

  #bar(from: string, to: string): void {
    const { prefixes } = this.#vertices.get(to)!;
    for (const prefix of prefixes) this.#vertices.get(from)!.barred.add(prefix, true);
  }

  #known(host: WorldHost | string): VirtualHost {
    const name = typeof host === "string" ? host : host.name;
    const found = this.#hosts.get(name);
    if (found === undefined || (typeof host !== "string" && found !== host))
      throw invalid(`there is no host ${name} in this world`);
    return found;
  }

  #vertex(end: End | undefined): Known {
    if (end === undefined) throw invalid('a link has two ends: link("a", "b", "delay 80ms")');
    const name = typeof end === "string" ? end : end.name;
    if (!this.#vertices.has(name) && typeof end === "string") this.host(name);
    const found = this.#vertices.get(name);
    if (found === undefined) throw invalid(`${name} is not of this world`);
    return found;
  }

  #checkName(name: string): void {
    if (!HOST_NAME.test(name))
      throw invalid(`${JSON.stringify(name)} is not a host's name: use letters a to z, digits and hyphens`);
    if (this.#vertices.has(name))
      throw invalid(`${name} is a ${this.#hosts.has(name) ? "host" : "router"} already: use another name`);
  }

  /** The host's number in the network, or the next address that no other host was given. */
  #next(): string {
    for (let number = this.#hosts.size + 1; number <= HOSTS_MAX; number++) {
      const address = `10.0.${number >> 8}.${number & 255}`;
      if (!this.#names.has(address)) return address;
    }
    throw invalid("the hosts' network, 10.0.0.0/16, has no address left: name one");
  }

  /** With its length; 10.0.0.1 is in a network of /16. */
  #free(address: string): string {
    const bare = address.replace(/\/\d+$/, "");
    if (parseAddress(bare) === null) throw invalid(`${JSON.stringify(address)} is not an IP address`);
    if (this.#names.has(bare)) throw invalid(`${bare} is the address of ${this.#names.get(bare)} already`);
    return address === bare ? `${bare}/${bare.includes(":") ? 64 : 16}` : address;
  }
}

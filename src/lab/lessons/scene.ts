import { SECOND } from "#base/time";
import { parseLink, parseLinks } from "#device/link-words";
import { timeExceeded, tooBig } from "#icmp/path-error";
import { type Address, parseAddress } from "#ip/address";
import type { EventSink, RunEvent } from "#observe/events";
import { Recorder } from "#observe/recorder";
import { RunBuilder } from "#report/model/builder";
import type { PassiveOpenOptions } from "#stack/options";
import { Stack } from "#stack/stack";
import type { TcpSettings } from "#tcp/words/params";
import { SimHost } from "../sim/host.ts";
import { Simulation, type Wires } from "../sim/simulation.ts";
import { logStackEvents } from "../sim/stack-events.ts";
import { End, type Manners } from "./end.ts";
import { Evidence } from "./evidence.ts";

export const PORT = 7000;
const LEFT = parseAddress("10.0.0.7")!;
const RIGHT = parseAddress("10.0.1.5")!;
const CLIENT = parseAddress("10.0.2.9")!;
const MEMORY = 16 << 20;
const TRACE = 1 << 14;
/** Of everything random. */
const SEED = 1;

export interface SceneOptions {
  /** What it is called beside the lesson's other scenes. */
  readonly name: string;
  /** netem's words; `out` is from the left to the right. */
  readonly link: string;
  /** Settings of both stacks, and of one. */
  readonly params?: TcpSettings;
  readonly left?: TcpSettings;
  readonly right?: TcpSettings;
  /** The link of a third stack, "client", which also reaches the right one. */
  readonly client?: string;
  /** Virtual seconds after which the scene ends. Default: when nothing happens any more. */
  readonly seconds?: number;
}

/** Two stacks and a link in virtual time, whose record becomes the evidence. The same scene gives the same packets every time. */
export class Scene {
  readonly left: SimHost;
  readonly right: SimHost;
  readonly wires: Wires;
  readonly #client: SimHost | null;
  readonly #options: SceneOptions;
  readonly #sim = new Simulation({ seed: SEED, errors: { tooBig, timeExceeded } });
  readonly #events: RunEvent[] = [];
  readonly #builder = new RunBuilder();
  readonly #recorder: Recorder;

  constructor(options: SceneOptions, sink: EventSink | null) {
    this.#options = options;
    const { link, client } = options;
    this.left = this.#host("left", LEFT, 0, options.left);
    this.right = this.#host("right", RIGHT, 1, options.right);
    const { out, in: back } = parseLinks(link);
    this.wires = this.#sim.connect(this.left.node, this.right.node, { there: out, back });
    this.#client = client === undefined ? null : this.#host("client", CLIENT, 2, undefined);
    const keep: EventSink = { event: (event) => this.#events.push(event) };
    this.#recorder = new Recorder([keep, this.#builder, ...(sink === null ? [] : [sink])]);
    const about = { command: "lesson", scene: options.name, link, seed: SEED };
    this.#recorder.event({ event: "run:started", time: 0, who: "lesson", epoch: null, about });
    for (const { stack, name } of this.#hosts()) this.#recorder.follow(stack.trace, name, true);
    this.#watch(this.wires);
    if (this.#client !== null) this.#watch(this.#connectClient(this.#client, client!));
  }

  /** The stack of the third machine. */
  get client(): SimHost {
    return this.#client!;
  }

  /** An end that opens actively, at once. @param localPort 0: any */
  connect(from: SimHost, manners: Manners = {}, port = PORT, localPort = 0): End {
    const end = new End(from, manners);
    from.connect(from === this.right ? LEFT : RIGHT, port, end, { localPort });
    return end;
  }

  /** An end that opens passively, with a listener of its own. */
  listen(at: SimHost, manners: Manners = {}, options: PassiveOpenOptions = {}): End {
    const end = new End(at, manners);
    at.listen(PORT, () => end, options);
    return end;
  }

  /** The left end sends so many octets and closes; the right one reads and closes. */
  transfer(octets: number): { readonly from: End; readonly to: End } {
    const to = this.listen(this.right);
    const from = this.connect(this.left);
    from.send(octets);
    from.close();
    return { from, to };
  }

  /** Does something at a virtual time, ms. */
  at(ms: number, work: () => void): void {
    this.#sim.at(ms * 1000, work);
  }

  /** Does something a moment later, when the stack has sent what it has now. */
  soon(work: () => void): void {
    this.#sim.after(1, work);
  }

  /** From now on the link from the left to the right is another one. */
  change(words: string): void {
    this.wires.there.set(parseLink(words));
  }

  /** Runs to its end. */
  run(): Evidence {
    const until = (this.#options.seconds ?? Number.POSITIVE_INFINITY) * SECOND;
    while (this.#sim.step(until)) {
      this.#recorder.read();
      for (const { stack, node, name } of this.#hosts()) logStackEvents(stack.trace, this.#sim.log, node.id, name);
    }
    return new Evidence(this.#options.name, this.#events, this.#builder.build(), this.#sim.log.digest());
  }

  #hosts(): SimHost[] {
    return [this.left, this.right, ...(this.#client === null ? [] : [this.#client])];
  }

  #host(name: string, address: Address, i: number, own: TcpSettings | undefined): SimHost {
    const params = { ...this.#options.params, ...own };
    const offload = { checksum: false, tso4: false, tso6: false };
    const stack = new Stack({
      addresses: [address],
      mtu: 1500,
      offload,
      seed: SEED * 3 + i,
      limits: { memory: MEMORY },
      trace: TRACE,
      params,
    });
    return new SimHost(this.#sim, name, stack);
  }

  #connectClient(client: SimHost, link: string): Wires {
    const { out, in: back } = parseLinks(link);
    const wires = this.#sim.connect(client.node, this.right.node, { there: out, back });
    this.right.node.routes.add(`${CLIENT}/32`, wires.back);
    return wires;
  }

  #watch(wires: Wires): void {
    for (const wire of [wires.there, wires.back]) wire.recorder = this.#recorder.observer(wire.link, wire.name);
  }
}

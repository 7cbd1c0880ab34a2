import { Prng } from "#base/prng";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";
import type { TcpSettings } from "#tcp/words/params";
import { naiveIcmp, naiveIPv4, naiveIPv6 } from "../support/naive/ip.ts";
import { fixChecksums, mutate } from "./mutate.ts";
import { CALLS, type Call, LOCAL, type Output, replay, type Setting, type Step, Target } from "./target.ts";

/** What a run found: the stack that failed, and what had been done to it. */
export interface Finding {
  readonly message: string;
  readonly setting: Setting;
  readonly far: boolean;
  readonly steps: readonly Step[];
}

export interface Outcome {
  /** Packets that stacks took in. */
  readonly packets: number;
  readonly finding: Finding | null;
}

const KIB = 1024;

/** Two stacks that talk to one another over a wire that mangles, and users who do anything at any time. */
export class Fuzzer {
  readonly #prng: Prng;
  readonly #ends: [Target, Target];
  readonly #steps: [Step[], Step[]] = [[], []];
  /** Packets under way to each end, and old ones that may come again. */
  readonly #wire: [Output[], Output[]] = [[], []];
  readonly #history: [Output[], Output[]] = [[], []];
  readonly #setting: Setting;
  /** The temper of this run: how often the wire mangles and loses, how long a pause is (a power of ten, us), how often users end things. */
  readonly #mangle: number;
  readonly #lose: number;
  readonly #pause: number;
  readonly #fickle: number;

  constructor(seed: number) {
    const prng = new Prng(seed);
    this.#prng = prng;
    this.#mangle = [0, 0.02, 0.1, 0.4][prng.below(4)]!;
    this.#lose = [0, 0.01, 0.05, 0.2][prng.below(4)]!;
    this.#pause = [3, 4, 5, 6.5][prng.below(4)]!;
    this.#fickle = [0, 0.02, 0.2][prng.below(3)]!;
    this.#setting = {
      seed,
      family: prng.chance(0.75) ? 4 : 6,
      offload: prng.chance(0.3),
      params: someParams(prng),
      farParams: someParams(prng),
    };
    this.#ends = [new Target(this.#setting), new Target(this.#setting, true)];
  }

  run(turns: number): Outcome {
    let at: 0 | 1 = 0;
    const step = (end: 0 | 1, what: Step) => {
      at = end;
      this.#steps[end].push(what);
      for (const sent of this.#ends[end].take(what)) this.#send(end === 0 ? 1 : 0, sent);
    };
    try {
      const opening: Call[] = this.#prng.chance(0.2) ? ["connect", "connect", "connect", "connect"] : ["connect"];
      for (const call of opening) step(this.#prng.chance(0.8) ? 0 : 1, { call, which: 0, n: 0 });
      for (let i = 0; i < turns; i++) this.#turn(step);
      for (const end of [0, 1] as const) {
        at = end;
        this.#ends[end].finish();
      }
      return { packets: this.#packets(), finding: null };
    } catch (error) {
      const message = error instanceof Error ? `${error.message}` : String(error);
      const finding = { message, setting: this.#setting, far: at === 1, steps: this.#steps[at] };
      return { packets: this.#packets(), finding };
    }
  }

  #packets(): number {
    return this.#ends[0].packets + this.#ends[1].packets;
  }

  #send(to: 0 | 1, packet: Output): void {
    if (this.#wire[to].length < 500) this.#wire[to].push(packet);
    const history = this.#history[to];
    if (history.length < 64) history.push(packet);
    else history[this.#prng.below(64)] = packet;
  }

  #turn(step: (end: 0 | 1, what: Step) => void): void {
    const prng = this.#prng;
    const end = prng.chance(0.5) ? 0 : 1;
    const dice = prng.below(100);
    const other = end === 0 ? 1 : 0;
    if (dice < 72) this.#deliver(this.#wire[end].length > 0 ? end : other, step);
    else if (dice < 80) {
      const time = Math.floor(10 ** (prng.unit() * this.#pause));
      for (const both of [0, 1] as const) step(both, { time });
    } else if (dice < 96) this.#use(end, step);
    else if (!prng.chance(10 * this.#mangle)) return;
    else if (dice < 98) this.#again(end, step);
    else if (dice < 99) step(end, inject(noise(prng)));
    else this.#icmp(end, step);
  }

  #deliver(end: 0 | 1, step: (end: 0 | 1, what: Step) => void): void {
    const prng = this.#prng;
    const wire = this.#wire[end];
    if (wire.length === 0) {
      // Nothing moves: somebody calls, or a timer's turn comes.
      const idle = !this.#ends.some((target) => target.alive());
      if (idle) step(end, { call: "connect", which: 0, n: 0 });
      else for (const both of [0, 1] as const) step(both, { time: Math.floor(10 ** (prng.unit() * 5.5)) });
      return;
    }
    const place = prng.chance(0.8) ? 0 : prng.below(Math.min(wire.length, 8));
    const packet = wire[place]!;
    if (!prng.chance(this.#lose)) wire.splice(place, 1);
    if (prng.chance(this.#lose)) return;
    step(end, prng.chance(this.#mangle) ? inject(mutate(prng, finished(packet))) : plain(packet));
  }

  #use(end: 0 | 1, step: (end: 0 | 1, what: Step) => void): void {
    const prng = this.#prng;
    const often = (["send", "send", "read", "read", "accept"] as const)[prng.below(5)]!;
    const call = prng.chance(this.#fickle) ? CALLS[prng.below(CALLS.length)]! : often;
    const held = this.#ends[end].held.length;
    step(end, { call, which: prng.below(Math.max(1, held)), n: Math.floor(10 ** (prng.unit() * 4.8)) });
  }

  #again(end: 0 | 1, step: (end: 0 | 1, what: Step) => void): void {
    const history = this.#history[end];
    const packet = history[this.#prng.below(Math.max(1, history.length))];
    if (packet === undefined) return;
    step(end, this.#prng.chance(0.5) ? inject(mutate(this.#prng, finished(packet))) : plain(packet));
  }

  /** An ICMP error about something that this end sent. */
  #icmp(end: 0 | 1, step: (end: 0 | 1, what: Step) => void): void {
    const prng = this.#prng;
    const history = this.#history[end === 0 ? 1 : 0];
    const quoted = history[prng.below(Math.max(1, history.length))];
    if (quoted === undefined) return;
    const { family } = this.#setting;
    const rest = prng.chance(0.5) ? 0 : [0, 68, 576, 1280, 1400, 1500, 65_535][prng.below(7)]!;
    const bytes = [...(prng.chance(0.2) ? mutate(prng, quoted.bytes) : quoted.bytes)].slice(0, 28 + prng.below(200));
    const us = { 4: [LOCAL[4], "10.0.1.5"], 6: [LOCAL[6], "fd01::5"] }[family][end]!;
    const type4 = [3, 3, 3, 4, 11, 12][prng.below(6)]!;
    const message =
      family === 4
        ? naiveIPv4({ source: "10.0.9.9", destination: us, protocol: 1 }, naiveIcmp(type4, prng.below(16), rest, bytes))
        : naiveIPv6(
            { source: "fd09::9", destination: us, nextHeader: 58 },
            naiveIcmp(1 + prng.below(4), prng.below(8), rest, bytes, ["fd09::9", us]),
          );
    step(end, inject(Uint8Array.from(message)));
  }
}

function inject(bytes: Uint8Array): Step {
  return { in: bytes.toHex() };
}

function plain(packet: Output): Step {
  return { in: packet.bytes.toHex(), gso: packet.gso, size: packet.size, csum: packet.csum, start: packet.start };
}

/** The bytes with the checksum that a device would have finished. */
function finished(packet: Output): Uint8Array {
  const bytes = Uint8Array.from(packet.bytes.subarray(0, 9000));
  fixChecksums(bytes);
  return bytes;
}

/** Octets of any kind, some with the beginning of a packet. */
function noise(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(prng.below(200));
  for (let i = 0; i < bytes.length; i++) bytes[i] = prng.below(256);
  if (bytes.length > 20 && prng.chance(0.7)) {
    bytes[0] = prng.chance(0.7) ? 0x45 : 0x60;
    bytes[9] = [1, 2, 6, 17, 47, 58][prng.below(6)]!;
    bytes.set([10, 0, 1, 5, 10, 0, 0, 7], 12);
    if (prng.chance(0.7)) {
      bytes[2] = 0;
      bytes[3] = bytes.length;
      bytes[6] = prng.chance(0.5) ? 0 : prng.below(256);
    }
    fixChecksums(bytes);
  }
  return bytes;
}

function someParams(prng: Prng): TcpSettings {
  const one = <T>(...of: readonly T[]): T => of[prng.below(of.length)]!;
  const coin = () => prng.chance(0.5);
  const receiveBuffer = one(2 * KIB, 16 * KIB, 64 * KIB, 300 * KIB);
  return {
    sack: coin(),
    timestamps: coin(),
    windowScale: coin(),
    tolerateMissingTimestamps: coin(),
    receiveBuffer,
    receiveBufferMax: one(receiveBuffer, 1024 * KIB),
    sendBuffer: one(4 * KIB, 64 * KIB, 300 * KIB),
    nagle: one("off", "minshall", "rfc896"),
    congestionControl: one(...CONGESTION_CONTROLS),
    pacing: coin(),
    pacingRateMax: one(1e15, 1e15, 20_000, 1_000_000),
    tailLossProbe: coin(),
    undo: coin(),
    frto: coin(),
    ecn: one("off", "passive", "on"),
    initialWindow: one(1, 3, 10, 40),
    mss: one(0, 0, 100, 536),
    delayedAck: one(0, 40_000, 200_000),
    quickAcks: one(0, 16),
    keepAlive: coin(),
    keepAliveIdle: 2_000_000,
    keepAliveInterval: 500_000,
    keepAliveCount: 3,
    userTimeout: one(0, 0, 3_000_000),
    probeWithData: coin(),
    rfc5961: prng.chance(0.8),
    slowStartAfterIdle: coin(),
    timeWait: one(1_000_000, 60_000_000),
    finWait2: one(1_000_000, 60_000_000),
    fastOpen: coin(),
    fastOpenCookieless: coin(),
    fastOpenBacklog: one(0, 1, 3),
    fastOpenPause: one(0, 1_000_000),
    dropSynText: coin(),
  };
}

/** Fewer steps that fail in the same way: leaves out stretches, ever shorter ones, for as long as that helps. */
export function shrink(finding: Finding, effort = 3000): Finding {
  const kind = (message: string | null) => message?.replace(/-?\d+/g, "#") ?? null;
  const wanted = kind(finding.message);
  let steps = finding.steps;
  let tries = 0;
  for (let size = steps.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < steps.length && tries < effort; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      tries++;
      if (kind(replay(finding.setting, fewer, finding.far)) === wanted) steps = fewer;
      else at += size;
    }
  }
  return { ...finding, steps };
}

import { Prng } from "#base/prng";
import { drill } from "#lab/drill/drill";
import type { Result } from "#lab/drill/interpreter/runner";
import { StackTarget } from "#lab/drill/targets/stack/target";
import { below, Peer, pick, type Sent } from "./peer.ts";

/**
 * A random conversation between a script and our stack, written down as a script: every packet that the stack sends, every
 * result of a call, and tcp_info at its end are expectations. What a kernel makes of it is another matter.
 */

interface Step {
  /** Microseconds since the script began. */
  readonly at: number;
  readonly text: string;
  /** Of a call, once it was played. */
  result: string | undefined;
}

/** How far ahead of the last step the stack is watched. */
const HORIZON = 20e6;
/** A kernel's timers are late by so much, and a share of what they were set to: then nothing else may happen. */
const BEFORE = 20_000;
const AFTER = 70_000;
const SHARE = 0.15;
const GAPS = [20_000, 20_000, 30_000, 100_000, 100_000, 150_000, 400_000, 1_000_000] as const;

const INFO = [
  ...["state", "ca_state", "retransmits", "probes", "backoff", "unacked", "sacked", "lost", "retrans", "snd_ssthresh"],
  ...[
    "snd_cwnd",
    "reordering",
    "total_retrans",
    "bytes_acked",
    "bytes_received",
    "segs_out",
    "segs_in",
    "notsent_bytes",
  ],
  ...["data_segs_in", "data_segs_out", "delivered", "bytes_sent", "bytes_retrans", "dsack_dups", "reord_seen"],
  ...["rcv_ooopack", "snd_wnd"],
].map((name) => `tcpi_${name}`);

/** The script of that seed, or undefined where nothing came of it. */
export function conversation(seed: number, steps: number): string | undefined {
  return new Conversation(seed, steps).write();
}

class Conversation {
  readonly #prng: Prng;
  readonly #peer: Peer;
  readonly #steps: Step[] = [];
  #result: Result | undefined;
  #sent: Sent[] = [];
  #closed = false;

  constructor(
    readonly seed: number,
    readonly length: number,
  ) {
    this.#prng = new Prng(seed);
    this.#peer = new Peer(this.#prng, seed % 3 !== 0, seed % 5 !== 0 ? 7 : 0);
  }

  write(): string | undefined {
    const { sack, shift, window } = this.#peer;
    const options = ["mss 1000", ...(sack ? ["nop,nop,sackOK"] : []), ...(shift > 0 ? [`nop,wscale ${shift}`] : [])];
    this.#call(0, "socket(..., SOCK_STREAM, IPPROTO_TCP)", "3");
    this.#call(1, "bind(3, ..., ...)", "0");
    this.#call(2, "listen(3, 1)", "0");
    this.#inject(3, `< S 0:0(0) win 32792 <${options.join(",")}>`);
    this.#inject(100_003, `< . 1:1(0) ack 1 win ${window}`);
    this.#call(101_000, "accept(3, ..., ...)", "4");
    this.#call(101_001, "fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK)", "0");
    if (this.seed % 4 === 0) this.#call(101_002, "setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4)", "0");
    this.#play();
    for (let i = 0; i < this.length && !this.#closed; i++) {
      const at = this.#quietMoment();
      if (at === undefined) break;
      this.#sent = this.#sent.filter((p) => p.at <= at);
      this.#step(at);
      this.#play();
      if (this.#result?.status !== "ok") return undefined;
    }
    const end = this.#quietMoment();
    return end === undefined ? undefined : this.#script(end);
  }

  #call(at: number, text: string, result = "?"): void {
    this.#steps.push({ at, text, result });
  }

  #inject(at: number, text: string): void {
    this.#steps.push({ at, text, result: undefined });
  }

  /** When the next step may come: no timer is near. */
  #quietMoment(): number | undefined {
    const from = this.#steps.at(-1)!.at;
    for (let i = 0; i < 30; i++) {
      const at = from + pick(this.#prng, ...GAPS);
      const near = ({ at: p }: Sent) =>
        p > from && at > p - BEFORE - (p - from) * SHARE && at < p + AFTER + (p - from) * SHARE;
      if (!this.#sent.some(near)) return at;
    }
    return undefined;
  }

  #step(at: number): void {
    const prng = this.#prng;
    const peer = this.#peer;
    const roll = below(prng, 100);
    if (roll < 25) this.#call(at, `write(4, ..., ${pick(prng, 1, 100, 1000, 1000, 2000, 3000, 5000, 10_000, 20_000)})`);
    else if (roll < 65) for (const [i, ack] of peer.arrive(this.#sent).entries()) this.#inject(at + 2_000 * i, ack);
    else if (roll < 75)
      this.#inject(at, peer.send(peer.next, pick(prng, 1, 100, 500, 1000, 1000, 1460), pick(prng, ".", "P.")));
    else if (roll < 79)
      this.#inject(at, peer.send(peer.next + pick(prng, 100, 1000, 3000), pick(prng, 100, 1000), "."));
    else if (roll < 82)
      this.#inject(at, peer.send(Math.max(1, peer.next - pick(prng, 50, 500)), pick(prng, 50, 1000), "."));
    else if (roll < 88) this.#call(at, `read(4, ..., ${pick(prng, 100, 1000, 100_000, 100_000)})`);
    else if (roll < 91) {
      peer.window = pick(prng, 0, 20, 100, 1000);
      this.#inject(at, peer.pureAck());
    } else if (roll < 93) this.#inject(at, peer.send(peer.next, 0, "F."));
    else if (roll < 94) this.#call(at, "shutdown(4, SHUT_WR)");
    else if (roll < 98)
      this.#call(
        at,
        `setsockopt(4, SOL_TCP, ${pick(prng, "TCP_NODELAY", "TCP_CORK", "TCP_QUICKACK")}, [${below(prng, 2)}], 4)`,
      );
    else if (roll < 99) {
      this.#call(at, "close(4)");
      this.#closed = true;
    } else this.#inject(at, peer.pureAck());
  }

  /** Plays all steps, until the result of every call is known. */
  #play(): void {
    for (;;) {
      const unknown = this.#steps.findIndex((step) => step.result === "?");
      const result = run(this.#text(unknown));
      const actual = result.details.map((line) => /^actual: +\w+\(…\) = (.*)$/.exec(line)?.[1]).find((text) => text);
      if (unknown < 0 || actual === undefined) {
        this.#result = result;
        this.#sent = sentIn(result);
        return;
      }
      this.#steps[unknown]!.result = actual;
    }
  }

  /** The steps at their times, and a long look behind them; the call `wrong` with a result that it cannot have. */
  #text(wrong = -1): string {
    const lines = this.#steps.map(({ at, text, result }, i) => {
      const shown = result === undefined ? "" : ` = ${i === wrong ? -987_654 : result}`;
      return `${seconds(at)} ${text}${shown}`;
    });
    return [...lines, `${seconds(this.#steps.at(-1)!.at + HORIZON)} \`true\``].join("\n");
  }

  /** With expectations between the steps, and tcp_info at the end. */
  #script(end: number): string | undefined {
    const events = [
      ...this.#steps.map(({ at, text, result }) => ({
        at,
        text: text + (result === undefined ? "" : ` = ${result}`),
        own: true,
      })),
      ...this.#sent.filter((p) => p.at < end).map(({ at, text }) => ({ at, text, own: false })),
    ].sort((a, b) => a.at - b.at || Number(b.own) - Number(a.own));
    let now = 0;
    const lines = events.map(({ at, text, own }) => {
      const gap = at - now;
      now = at;
      // What a timer sent is late.
      return own || gap < 500 ? `+${seconds(gap)} ${text}` : `+${seconds(gap)}~+${seconds(gap + 45_000)} ${text}`;
    });
    const tail = this.#closed ? [`+${seconds(end - now)} \`true\``] : this.#information(end, end - now);
    return tail && `// seed ${this.seed}\n${[...lines, ...tail].join("\n")}\n`;
  }

  #information(end: number, gap: number): string[] | undefined {
    const names = [...INFO];
    const text = this.#text().split("\n").slice(0, -1);
    for (;;) {
      const probe = run([...text, `${seconds(end)} %{ assert 0, (${names.join(", ")}) }%`].join("\n"));
      const absent = names.findIndex(
        (name) => probe.status !== "fail" && new RegExp(`\\b${name}\\b`).test(probe.message),
      );
      if (absent >= 0) names.splice(absent, 1);
      else {
        const values = names.map((name) => Number(new RegExp(`${name} = (\\d+)`).exec(probe.message)?.[1]));
        if (values.some(Number.isNaN)) return undefined;
        return names.map((name, i) => `+${seconds(i === 0 ? gap : 0)} %{ assert ${name} == ${values[i]} }%`);
      }
    }
  }
}

function run(text: string): Result {
  const nothing = new Map<string, string>();
  const newTarget = (setup: ConstructorParameters<typeof StackTarget>[0]) => new StackTarget(setup);
  return drill(text, "", { profile: "linux", defines: nothing, options: nothing, strict: false, seed: 1, newTarget })
    .result;
}

function sentIn(result: Result): Sent[] {
  return result.packets
    .filter(({ direction }) => direction === ">")
    .map(({ time, text }) => {
      const [, flags = "", start, length, ack] = /^([A-Z.]+) (\d+):\d+\((\d+)\)(?: ack (\d+))?/.exec(text) ?? [];
      const octets = Number(length) + Number(flags.includes("F"));
      // Windows depend on the memory that a kernel's packets take.
      const line = flags.includes("S") ? text : text.replace(/ win \d+/, "");
      return { at: time, text: `> ${line}`, flags, start: Number(start), length: octets, ack: Number(ack ?? 0) };
    });
}

function seconds(usecs: number): string {
  return (usecs / 1e6).toFixed(6);
}

import { Prng } from "#base/prng";
import { drill } from "#lab/drill/drill";
import type { Result } from "#lab/drill/interpreter/runner";
import { StackTarget } from "#lab/drill/targets/stack/target";
import type { TcpSettings } from "#tcp/words/params";
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

/** The script of that seed, or undefined where nothing came of it. @param settings the stack's instead of the drill's for Linux */
export function conversation(
  seed: number,
  steps: number,
  mix: Mix = "sender",
  settings?: TcpSettings,
): string | undefined {
  return new Conversation(seed, steps, MIXES[mix], settings).write();
}

/** Whether most of the data is ours or the peer's. */
export type Mix = keyof typeof MIXES;
export const MIXES = {
  sender: { write: 25, acks: 40, text: 10, beyond: 4, overlapping: 3, read: 6, window: 3, fin: 2, shut: 1, option: 4 },
  receiver: { write: 4, acks: 8, text: 44, beyond: 8, overlapping: 4, read: 16, window: 2, fin: 5, shut: 1, option: 4 },
} as const;

type Kind = keyof (typeof MIXES)["sender"];

class Conversation {
  readonly #prng: Prng;
  readonly #peer: Peer;
  readonly #steps: Step[] = [];
  #result: Result | undefined;
  readonly #run = (text: string) => run(text, this.settings);
  #sent: Sent[] = [];
  #closed = false;

  constructor(
    readonly seed: number,
    readonly length: number,
    readonly mix: Readonly<Record<Kind, number>>,
    readonly settings: TcpSettings | undefined,
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

  /** What comes next, of 100: the kinds of the mix, then a close and bare ACKs. */
  #kind(): Kind | "close" | "ack" {
    let roll = below(this.#prng, 100);
    for (const [kind, share] of Object.entries(this.mix)) if ((roll -= share) < 0) return kind as Kind;
    return roll === 0 ? "close" : "ack";
  }

  #step(at: number): void {
    const prng = this.#prng;
    const peer = this.#peer;
    const text = (seq: number, n: number, flags: string) => this.#inject(at, peer.send(seq, n, flags));
    const steps: Readonly<Record<Kind | "close" | "ack", () => void>> = {
      write: () => this.#call(at, `write(4, ..., ${pick(prng, 1, 100, 1000, 1000, 2000, 3000, 5000, 10_000, 20_000)})`),
      acks: () => {
        for (const [i, ack] of peer.arrive(this.#sent).entries()) this.#inject(at + 2_000 * i, ack);
      },
      text: () => text(peer.next, pick(prng, 1, 100, 500, 1000, 1000, 1460), pick(prng, ".", "P.")),
      beyond: () => text(peer.next + pick(prng, 100, 1000, 3000), pick(prng, 100, 1000), "."),
      overlapping: () => text(Math.max(1, peer.next - pick(prng, 50, 500)), pick(prng, 50, 1000), "."),
      read: () => this.#call(at, `read(4, ..., ${pick(prng, 100, 1000, 100_000, 100_000)})`),
      window: () => {
        peer.window = pick(prng, 0, 20, 100, 1000);
        this.#inject(at, peer.pureAck());
      },
      fin: () => text(peer.next, 0, "F."),
      shut: () => this.#call(at, "shutdown(4, SHUT_WR)"),
      option: () => {
        const option = pick(prng, "TCP_NODELAY", "TCP_CORK", "TCP_QUICKACK");
        this.#call(at, `setsockopt(4, SOL_TCP, ${option}, [${below(prng, 2)}], 4)`);
      },
      close: () => {
        this.#call(at, "close(4)");
        this.#closed = true;
      },
      ack: () => this.#inject(at, peer.pureAck()),
    };
    steps[this.#kind()]();
  }

  /** Plays all steps, until the result of every call is known. */
  #play(): void {
    for (;;) {
      const unknown = this.#steps.findIndex((step) => step.result === "?");
      const result = this.#run(this.#text(unknown));
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
      const probe = this.#run([...text, `${seconds(end)} %{ assert 0, (${names.join(", ")}) }%`].join("\n"));
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

function run(text: string, settings: TcpSettings | undefined): Result {
  const nothing = new Map<string, string>();
  const newTarget = (setup: ConstructorParameters<typeof StackTarget>[0]) => new StackTarget(setup, settings);
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

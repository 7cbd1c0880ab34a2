import { LinkSyntaxError } from "./link-error.ts";
import {
  type Chance,
  CLEAR_LINK,
  type Codel,
  type DeliveryTrace,
  type DownSchedule,
  type Jitter,
  type LinkProfile,
  type Loss,
  type LossNth,
} from "./link-profile.ts";
import { isPercent, type Read, readCount, readPercent, readRate, readSize, readTime } from "./link-units.ts";

/** Both directions of a link, as the side that has the link sees them. */
export interface LinkProfiles {
  readonly out: LinkProfile;
  readonly in: LinkProfile;
}

/** Reads a trace file for `trace FILE`; whoever parses for a person hands in one that reads files. */
export type TraceReader = (name: string) => DeliveryTrace;

/** The clauses, for help and error messages. */
export const LINK_GRAMMAR = `delay TIME [JITTER [CORRELATION%]] [distribution uniform|normal]
jitter TIME [CORRELATION%] [distribution uniform|normal] [overtakes]
loss P% [CORRELATION%] | loss gemodel P% [R% [1-H% [1-K%]]]
loss nth 3,7,10-12 | loss pattern 0010
duplicate P% [CORRELATION%]    corrupt P% [CORRELATION%]
reorder P% [CORRELATION%] [gap N]
rate RATE    trace FILE    queue PACKETS|SIZE    ecn PACKETS|SIZE
codel [target TIME] [interval TIME] [ecn]    mtu BYTES [silent]
down FROM-TO[,FROM-TO] [every TIME]
clear: nothing of the above
out … in … both …: the clauses after it are for that direction`;

type Change = (profile: LinkProfile) => LinkProfile;

/** Words one after another, with the column each begins at. */
class Words {
  readonly text: string;
  readonly #words: { readonly word: string; readonly column: number }[] = [];
  #next = 0;

  constructor(text: string) {
    this.text = text;
    for (const match of text.matchAll(/\S+/g)) this.#words.push({ word: match[0], column: match.index + 1 });
  }

  peek(): string | undefined {
    return this.#words[this.#next]?.word;
  }

  take(): string | undefined {
    return this.#words[this.#next++]?.word;
  }

  peekSecond(): string | undefined {
    return this.#words[this.#next + 1]?.word;
  }

  /** Takes the next word if it is this one. */
  takeIf(word: string): boolean {
    if (this.peek() !== word) return false;
    this.#next++;
    return true;
  }

  /** Takes a word that must be there, as a number. */
  read(clause: string, wanted: string, reader: (word: string) => Read): number {
    const word = this.take();
    if (word === undefined) this.fail(`"${clause}" needs ${wanted}`);
    const read = reader(word);
    if ("wrong" in read) this.fail(`${clause}: ${read.wrong}`);
    return read.value;
  }

  /** A percentage, if the next word looks like one. */
  percentOr(clause: string, otherwise: number): number {
    return isPercent(this.peek()) ? this.read(clause, "a percentage", readPercent) : otherwise;
  }

  /** Complains about the word taken last; after the end, about what is missing there. */
  fail(message: string): never {
    const column = this.#words[this.#next - 1]?.column ?? this.text.length + 1;
    throw new LinkSyntaxError(`${message} (column ${column})`, this.text, column);
  }
}

/**
 * Reads one direction's profile from netem's words, "delay 20ms loss 1%", on top of `base`.
 * @throws LinkSyntaxError with the column.
 */
export function parseLink(text: string, base: LinkProfile = CLEAR_LINK, trace?: TraceReader): LinkProfile {
  const words = new Words(text);
  let profile = base;
  while (words.peek() !== undefined) profile = readClause(words, trace)(profile);
  return checked(words, profile);
}

/**
 * The same for both directions: "delay 20ms out rate 1mbit in rate 10mbit". Clauses before `out` or `in` are for both.
 * @throws LinkSyntaxError with the column.
 */
export function parseLinks(text: string, base?: LinkProfiles, trace?: TraceReader): LinkProfiles {
  const words = new Words(text);
  const profiles = { out: base?.out ?? CLEAR_LINK, in: base?.in ?? CLEAR_LINK };
  let which = "both";
  for (let word = words.peek(); word !== undefined; word = words.peek()) {
    if (word === "out" || word === "in" || word === "both") {
      which = words.take()!;
      continue;
    }
    const change = readClause(words, trace);
    if (which !== "in") profiles.out = change(profiles.out);
    if (which !== "out") profiles.in = change(profiles.in);
  }
  return { out: checked(words, profiles.out), in: checked(words, profiles.in) };
}

/** What only the whole profile shows. */
function checked(words: Words, profile: LinkProfile): LinkProfile {
  if (profile.reorder.probability > 0 && profile.delay === 0) {
    words.fail("reorder lets a packet skip the delay, so it needs one: say delay 20ms too");
  }
  if (profile.trace !== undefined && profile.rate !== Number.POSITIVE_INFINITY) {
    words.fail("a trace stands in place of a rate: say one of the two");
  }
  return profile;
}

function readClause(words: Words, trace: TraceReader | undefined): Change {
  const clause = words.take()!;
  switch (clause) {
    case "delay":
      return delayClause(words);
    case "jitter":
      return jitterClause(words);
    case "loss":
      return lossClause(words);
    case "duplicate":
    case "corrupt": {
      const chance = readChance(words, clause);
      return (p) => ({ ...p, [clause]: chance });
    }
    case "reorder": {
      const chance = readChance(words, clause);
      const gap = words.takeIf("gap") ? words.read("gap", "a number of packets", (word) => readCount(word, 1)) : 1;
      return (p) => ({ ...p, reorder: { ...chance, gap } });
    }
    case "rate": {
      const rate = words.read(clause, "a rate such as 10mbit", readRate);
      return (p) => ({ ...p, rate });
    }
    case "queue":
    case "limit":
      return queueClause(words, clause);
    case "codel":
      return codelClause(words);
    case "ecn":
      return ecnClause(words);
    case "mtu": {
      const mtu = words.read(clause, "a number of bytes", (word) => readCount(word, MTU_MIN));
      const mtuIcmp = !words.takeIf("silent");
      return (p) => ({ ...p, mtu, mtuIcmp });
    }
    case "down":
      return downClause(words);
    case "trace":
      return traceClause(words, trace);
    case "clear":
      return () => CLEAR_LINK;
    default:
      return words.fail(`"${clause}" is not a word for links; there are ${CLAUSES}`);
  }
}

/** RFC 791: every link carries 68 bytes. */
const MTU_MIN = 68;
const CLAUSES = "delay jitter loss duplicate reorder corrupt rate queue codel ecn mtu down trace clear";

function readChance(words: Words, clause: string): Chance {
  const probability = words.read(clause, "a percentage such as 1%", readPercent);
  return { probability, correlation: words.percentOr(clause, 0) };
}

function delayClause(words: Words): Change {
  const delay = words.read("delay", "a time such as 20ms", readTime);
  const next = words.peek();
  if (next === undefined || !/^\d/.test(next)) {
    const distribution = distributionClause(words);
    return (p) => ({ ...p, delay, jitter: { ...p.jitter, ...distribution } });
  }
  const change = jitterClause(words);
  return (p) => ({ ...change(p), delay });
}

function jitterClause(words: Words): Change {
  const spread = words.read("jitter", "a time such as 5ms", readTime);
  const correlation = words.percentOr("jitter", 0);
  const distribution = distributionClause(words);
  const overtakes = words.takeIf("overtakes");
  return (p) => ({ ...p, jitter: { ...p.jitter, spread, correlation, overtakes, ...distribution } });
}

function distributionClause(words: Words): Partial<Jitter> {
  if (!words.takeIf("distribution")) return {};
  const distribution = words.take();
  if (distribution === "uniform" || distribution === "normal") return { distribution };
  return words.fail("distribution is uniform or normal");
}

function lossClause(words: Words): Change {
  if (words.takeIf("nth")) {
    const lossNth = readNth(words);
    return (p) => ({ ...p, lossNth });
  }
  if (words.takeIf("pattern")) {
    const lossNth = readPattern(words);
    return (p) => ({ ...p, lossNth });
  }
  if (words.takeIf("gemodel")) {
    const p = words.read("loss gemodel", "a percentage such as 1%", readPercent);
    const r = words.percentOr("loss gemodel", 1 - p);
    const loss: Loss = {
      kind: "gilbert-elliott",
      p,
      r,
      lossBad: words.percentOr("loss gemodel", 1),
      lossGood: words.percentOr("loss gemodel", 0),
    };
    return (profile) => ({ ...profile, loss });
  }
  words.takeIf("random");
  const chance = readChance(words, "loss");
  return (p) => ({ ...p, loss: { kind: "independent", chance } });
}

/** The highest number of a packet that `loss nth` may name. */
const NTH_MAX = 1_000_000;

/** "3,7,10-12": numbers of packets, the first is 1. */
function readNth(words: Words): LossNth {
  const word = words.take() ?? words.fail('"loss nth" needs numbers of packets such as 3,7,10-12');
  const mask: number[] = [];
  for (const part of word.split(",")) {
    const match =
      /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(part) ?? words.fail(`loss nth: "${part}" is not a number or a range 10-12`);
    const from = Number(match[1]);
    const to = Number(match[2] ?? from);
    if (from < 1 || to < from || to > NTH_MAX)
      words.fail(`loss nth: "${part}" is not within 1 to ${NTH_MAX}, lowest first`);
    for (let n = mask.length; n < to; n++) mask.push(0);
    mask.fill(1, from - 1, to);
  }
  return { mask: Uint8Array.from(mask), repeats: false };
}

/** "0010": of every four packets the third is lost. */
function readPattern(words: Words): LossNth {
  const word = words.take() ?? words.fail('"loss pattern" needs bits such as 0010');
  if (!/^[01]{1,4096}$/.test(word)) words.fail(`loss pattern: "${word}" is not made of 0 (kept) and 1 (lost)`);
  return { mask: Uint8Array.from(word, Number), repeats: true };
}

/** A number of packets, or a size: the other bound falls away. */
function readRoom(words: Words, clause: string, least: number): { packets: number; bytes: number } {
  const wanted = "a number of packets, or a size such as 64kb";
  if (/[a-z]/i.test(words.peek() ?? "")) {
    return { packets: Number.POSITIVE_INFINITY, bytes: words.read(clause, wanted, readSize) };
  }
  return { packets: words.read(clause, wanted, (word) => readCount(word, least)), bytes: Number.POSITIVE_INFINITY };
}

function queueClause(words: Words, clause: string): Change {
  const room = readRoom(words, clause, 0);
  return (p) => ({ ...p, queue: { ...p.queue, ...room } });
}

function ecnClause(words: Words): Change {
  const room = readRoom(words, "ecn", 0);
  return (p) => ({ ...p, queue: { ...p.queue, ecnPackets: room.packets, ecnBytes: room.bytes } });
}

function codelClause(words: Words): Change {
  let codel: Codel = CODEL;
  for (;;) {
    if (words.takeIf("target")) codel = { ...codel, target: words.read("target", "a time such as 5ms", readTime) };
    else if (words.takeIf("interval")) {
      codel = { ...codel, interval: words.read("interval", "a time such as 100ms", readTime) };
    } else if (!codel.ecn && isBareEcn(words)) codel = { ...codel, ecn: true };
    else break;
  }
  if (codel.interval === 0) words.fail("codel: the interval is more than 0");
  return (p) => ({ ...p, queue: { ...p.queue, codel } });
}

/** RFC 8289, section 4.2 and 4.3: 5 ms and 100 ms suit paths across the Internet. */
const CODEL: Codel = { target: 5_000, interval: 100_000, ecn: false };

/** "codel ecn" marks instead of dropping; "ecn 20" is the clause of a threshold. */
function isBareEcn(words: Words): boolean {
  return !/^\d/.test(words.peekSecond() ?? "") && words.takeIf("ecn");
}

/** "5s-7s,20s-21s", then perhaps "every 30s". */
function downClause(words: Words): Change {
  const word = words.take() ?? words.fail('"down" needs spans such as 5s-7s');
  const spans = word.split(",").map((part) => {
    const [from, to] = part.split("-").map((time) => readTime(time));
    if (from === undefined || to === undefined || part.split("-").length !== 2) {
      return words.fail(`down: "${part}" is not a span such as 5s-7s`);
    }
    if ("wrong" in from) return words.fail(`down: ${from.wrong}`);
    if ("wrong" in to) return words.fail(`down: ${to.wrong}`);
    if (to.value <= from.value) words.fail(`down: "${part}" ends before it begins`);
    return { from: from.value, to: to.value };
  });
  const period = words.takeIf("every") ? words.read("every", "a time such as 30s", readTime) : Number.POSITIVE_INFINITY;
  if (period === 0) words.fail("down: every 0 is no period");
  const down: DownSchedule = { spans, period };
  return (p) => ({ ...p, down });
}

function traceClause(words: Words, reader: TraceReader | undefined): Change {
  const name = words.take() ?? words.fail('"trace" needs a file: a line is a time in ms at which one packet may pass');
  if (reader === undefined) words.fail("trace files cannot be read here");
  const trace = reader(name);
  return (p) => ({ ...p, trace });
}

import { suggest } from "#base/suggest";
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
  type Queue,
} from "./link-profile.ts";
import { Words } from "./link-reader.ts";
import { readCount, readPercent, readRate, readSize, readTime, wrongText } from "./link-units.ts";

/** Both directions of a link, seen from the side that has the link. */
export interface LinkProfiles {
  readonly out: LinkProfile;
  readonly in: LinkProfile;
}

/** Reads the file of `trace FILE`. The command line passes one that reads files. */
export type TraceReader = (name: string) => DeliveryTrace;

type Change = (profile: LinkProfile) => LinkProfile;

/** The change that a clause makes, and the names of what it sets. No name may be set twice. */
interface Clause {
  readonly names: readonly string[];
  readonly column: number;
  readonly change: Change;
}

/** The words that choose a direction for the clauses after them. */
export const DIRECTIONS = ["out", "in", "both"] as const;

/**
 * Reads one direction's profile from netem's words, "delay 20ms loss 1%", on top of `base`.
 * @throws LinkSyntaxError with the column.
 */
export function parseLink(text: string, base: LinkProfile = CLEAR_LINK, trace?: TraceReader): LinkProfile {
  const words = new Words(text);
  const given = new Set<string>();
  let profile = base;
  while (words.peek() !== undefined) {
    const clause = readClause(words, trace);
    once(words, clause, given);
    profile = clause.change(profile);
  }
  return complete(words, profile);
}

/**
 * Reads the profiles of both directions: "delay 20ms out rate 1mbit in rate 10mbit". Clauses before `out` or `in` apply to
 * both; a clause for one direction takes precedence over an earlier one for both.
 * @param partly more words will follow, so the checks of the complete profile (see `missing`) are not made yet.
 * @throws LinkSyntaxError with the column.
 */
export function parseLinks(text: string, base?: LinkProfiles, trace?: TraceReader, partly = false): LinkProfiles {
  const words = new Words(text);
  const profiles = { out: base?.out ?? CLEAR_LINK, in: base?.in ?? CLEAR_LINK };
  const given = { out: new Set<string>(), in: new Set<string>(), both: new Set<string>() };
  let which: keyof typeof given = "both";
  for (let word = words.peek(); word !== undefined; word = words.peek()) {
    const direction = DIRECTIONS.find((each) => each === word);
    if (direction !== undefined) {
      words.take();
      which = direction;
      continue;
    }
    const clause = readClause(words, trace);
    once(words, clause, given[which], ...(which === "both" ? [given.out, given.in] : []));
    if (which !== "in") profiles.out = clause.change(profiles.out);
    if (which !== "out") profiles.in = clause.change(profiles.in);
  }
  if (partly) return profiles;
  return { out: complete(words, profiles.out), in: complete(words, profiles.in) };
}

/** Adds a clause to the first set of `given`. Refuses one that is there already, or a `clear` after other clauses. */
function once(words: Words, { names, column }: Clause, ...given: [Set<string>, ...Set<string>[]]): void {
  const [name] = names;
  if (name === "clear" && given.some((each) => each.size > 0)) {
    words.fail('"clear" would undo the clauses before it: put it first', column);
  }
  const twice = names.find((each) => given.some((set) => set.has(each)));
  if (twice !== undefined) words.fail(`"${twice}" is given twice`, column);
  for (const each of names) given[0].add(each);
}

/** Why a clause has no effect in a profile. */
export interface Missing {
  /** The clause, and what it needs. */
  readonly clause: string;
  readonly needs: string;
  readonly why: string;
  /** A clause that would help, or "". */
  readonly example: string;
}

/** Finds a clause without effect, or two that contradict each other; null if there is none. */
export function missing({ reorder, jitter, delay, rate, trace, queue }: LinkProfile): Missing | null {
  if (reorder.probability > 0 && delay === 0) {
    return { clause: "reorder", needs: "a delay", why: "a reordered packet skips the delay", example: "delay 20ms" };
  }
  if (jitter.distribution !== CLEAR_LINK.jitter.distribution && jitter.spread === 0) {
    const why = "it sets how the jitter is distributed";
    return { clause: "distribution", needs: "a jitter", why, example: "jitter 5ms" };
  }
  if (trace !== undefined && rate !== Number.POSITIVE_INFINITY) {
    return { clause: "trace", needs: "no rate", why: "the trace replaces the rate", example: "" };
  }
  if (trace === undefined && rate === Number.POSITIVE_INFINITY && !isUsual(queue)) {
    const clause = queue.codel !== undefined ? "codel" : isEcn(queue) ? "ecn" : "queue";
    return { clause, needs: "a rate or a trace", why: "without one no packet ever waits", example: "rate 10mbit" };
  }
  return null;
}

function isUsual(queue: Queue): boolean {
  const { packets, bytes } = CLEAR_LINK.queue;
  return queue.packets === packets && queue.bytes === bytes && queue.codel === undefined && !isEcn(queue);
}

function isEcn({ ecnPackets, ecnBytes }: Queue): boolean {
  return Math.min(ecnPackets, ecnBytes) !== Number.POSITIVE_INFINITY;
}

function complete(words: Words, profile: LinkProfile): LinkProfile {
  const lack = missing(profile);
  if (lack === null) return profile;
  const { clause, needs, why, example } = lack;
  return words.fail(`"${clause}" needs ${needs}: ${why}${example === "" ? "" : `; add ${example}`}`);
}

function readClause(words: Words, trace: TraceReader | undefined): Clause {
  const { column } = words;
  const name = words.take()!;
  const reader = READERS.get(name);
  if (reader === undefined) {
    const near = suggest(name, CLAUSES);
    const hint = near === undefined ? `the words are ${CLAUSES.join(" ")}` : `did you mean ${near}?`;
    return words.fail(`"${name}" is not a word of the link language: ${hint}`);
  }
  return { column, names: [name], ...reader(words, trace) };
}

type ClauseReader = (words: Words, trace: TraceReader | undefined) => Partial<Clause> & Pick<Clause, "change">;

/** Every clause by its first word. */
const READERS: ReadonlyMap<string, ClauseReader> = new Map(
  Object.entries<ClauseReader>({
    delay: delayClause,
    jitter: (words) => ({ change: jitterClause(words) }),
    loss: lossClause,
    duplicate: (words) => {
      const duplicate = readChance(words, "duplicate");
      return { change: (p) => ({ ...p, duplicate }) };
    },
    corrupt: (words) => {
      const corrupt = readChance(words, "corrupt");
      return { change: (p) => ({ ...p, corrupt }) };
    },
    reorder: (words) => {
      const chance = readChance(words, "reorder");
      const gap = words.takeIf("gap") ? words.read("gap", "a number of packets", (word) => readCount(word, 1)) : 1;
      return { change: (p) => ({ ...p, reorder: { ...chance, gap } }) };
    },
    rate: (words) => {
      const rate = words.read("rate", "a rate such as 10mbit", readRate);
      return { change: (p) => ({ ...p, rate }) };
    },
    trace: (words, reader) => ({ change: traceClause(words, reader) }),
    queue: (words) => ({ change: queueClause(words, "queue") }),
    limit: (words) => ({ names: ["queue"], change: queueClause(words, "limit") }),
    codel: (words) => ({ change: codelClause(words) }),
    ecn: (words) => ({ change: ecnClause(words) }),
    mtu: (words) => {
      const mtu = words.read("mtu", "a number of bytes", (word) => readCount(word, MTU_MIN));
      const mtuIcmp = !words.takeIf("silent");
      return { change: (p) => ({ ...p, mtu, mtuIcmp }) };
    },
    down: (words) => ({ change: downClause(words) }),
    clear: () => ({ change: () => CLEAR_LINK }),
  }),
);

/** The first words of all clauses. */
export const CLAUSES: readonly string[] = [...READERS.keys()];

/** RFC 791: every link carries 68 bytes. */
const MTU_MIN = 68;

function readChance(words: Words, clause: string): Chance {
  const probability = words.read(clause, "a percentage such as 1%", readPercent);
  return { probability, correlation: words.percentOr(clause, 0) };
}

function delayClause(words: Words): Pick<Clause, "names" | "change"> {
  const delay = words.read("delay", "a time such as 20ms", readTime);
  const next = words.peek();
  if (next === undefined || !/^\d/.test(next)) {
    const distribution = distributionClause(words);
    return { names: ["delay"], change: (p) => ({ ...p, delay, jitter: { ...p.jitter, ...distribution } }) };
  }
  const change = jitterClause(words);
  return { names: ["delay", "jitter"], change: (p) => ({ ...change(p), delay }) };
}

function jitterClause(words: Words): Change {
  const spread = words.read("jitter", "a time such as 5ms", readTime);
  const correlation = words.percentOr("jitter", 0);
  const distribution = distributionClause(words);
  const overtakes = words.takeIf("overtakes");
  return (p) => ({ ...p, jitter: { ...p.jitter, spread, correlation, overtakes, ...distribution } });
}

export const DISTRIBUTIONS = ["uniform", "normal"] as const;

function distributionClause(words: Words): Partial<Jitter> {
  if (!words.takeIf("distribution")) return {};
  const word = words.take();
  const distribution = DISTRIBUTIONS.find((each) => each === word);
  if (distribution !== undefined) return { distribution };
  return words.fail(`distribution must be ${DISTRIBUTIONS.join(" or ")}`);
}

function lossClause(words: Words): Pick<Clause, "names" | "change"> {
  if (words.takeIf("nth")) {
    const lossNth = readNth(words);
    return { names: ["loss nth"], change: (p) => ({ ...p, lossNth }) };
  }
  if (words.takeIf("pattern")) {
    const lossNth = readPattern(words);
    return { names: ["loss nth"], change: (p) => ({ ...p, lossNth }) };
  }
  return { names: ["loss"], change: chanceOfLoss(words) };
}

function chanceOfLoss(words: Words): Change {
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

/** "3,7,10-12": packet numbers, counted from 1. */
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

/** "0010": the third of every four packets is lost. */
function readPattern(words: Words): LossNth {
  const word = words.take() ?? words.fail('"loss pattern" needs bits such as 0010');
  if (!/^[01]{1,4096}$/.test(word)) words.fail(`loss pattern: "${word}" is not made of 0 (kept) and 1 (lost)`);
  return { mask: Uint8Array.from(word, Number), repeats: true };
}

/** A number of packets or a size. The other limit is removed. */
function readRoom(words: Words, clause: string, least: number): { packets: number; bytes: number } {
  const wanted = "a number of packets, or a size such as 64kB";
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
  if (codel.interval === 0) words.fail("codel: the interval must be more than 0");
  return (p) => ({ ...p, queue: { ...p.queue, codel } });
}

/** RFC 8289, section 4.2 and 4.3: 5 ms and 100 ms suit paths across the Internet. */
const CODEL: Codel = { target: 5_000, interval: 100_000, ecn: false };

/** "codel ecn" marks instead of dropping. "ecn 20" is another clause, with a threshold. */
function isBareEcn(words: Words): boolean {
  return !/^\d/.test(words.peekSecond() ?? "") && words.takeIf("ecn");
}

/** "5s-7s,20s-21s", optionally followed by "every 30s". */
function downClause(words: Words): Change {
  const word = words.take() ?? words.fail('"down" needs spans such as 5s-7s');
  const spans = word.split(",").map((part) => {
    const [from, to] = part.split("-").map((time) => readTime(time));
    if (from === undefined || to === undefined || part.split("-").length !== 2) {
      return words.fail(`down: "${part}" is not a span such as 5s-7s`);
    }
    const [first, last] = part.split("-") as [string, string];
    if ("wrong" in from) return words.fail(`down: ${wrongText(first, from)}`);
    if ("wrong" in to) return words.fail(`down: ${wrongText(last, to)}`);
    if (to.value <= from.value) words.fail(`down: "${part}" ends before it begins`);
    return { from: from.value, to: to.value };
  });
  const period = words.takeIf("every") ? words.read("every", "a time such as 30s", readTime) : Number.POSITIVE_INFINITY;
  if (period === 0) words.fail("down: the time after every must be more than 0");
  const down: DownSchedule = { spans, period };
  return (p) => ({ ...p, down });
}

function traceClause(words: Words, reader: TraceReader | undefined): Change {
  const name =
    words.take() ?? words.fail('"trace" needs a file; each of its lines is a time in ms when one packet may pass');
  if (reader === undefined) words.fail("trace files cannot be read here");
  const trace = reader(name);
  return (p) => ({ ...p, trace });
}

import { expect, test } from "bun:test";
import fc from "fast-check";
import { LinkSyntaxError } from "#device/link-error";
import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import { linksText, linkText } from "#device/link-text";
import { parseTrace } from "#device/link-trace";
import { missing, parseLink, parseLinks } from "#device/link-words";

test("netem's words come out in the units of a profile", () => {
  const text = "delay 20ms 5ms 25% distribution normal loss 1% 10% duplicate 0.5% reorder 25% 50% gap 5 corrupt 0.1%";
  expect(parseLink(text)).toEqual({
    ...CLEAR_LINK,
    delay: 20_000,
    jitter: { spread: 5_000, correlation: 0.25, distribution: "normal", overtakes: false },
    loss: { kind: "independent", chance: { probability: 0.01, correlation: 0.1 } },
    duplicate: { probability: 0.005, correlation: 0 },
    reorder: { probability: 0.25, correlation: 0.5, gap: 5 },
    corrupt: { probability: 0.001, correlation: 0 },
  });
});

test("rates, queues, CoDel, MTU, schedules", () => {
  const profile = parseLink(
    "rate 10mbit queue 64KiB codel target 10ms ecn ecn 30 mtu 1280 silent down 5s-7s,1min-2min every 1h",
  );
  expect(profile.rate).toBe(10e6);
  expect(profile.queue).toEqual({
    packets: Number.POSITIVE_INFINITY,
    bytes: 65_536,
    codel: { target: 10_000, interval: 100_000, ecn: true },
    ecnPackets: 30,
    ecnBytes: Number.POSITIVE_INFINITY,
  });
  expect([profile.mtu, profile.mtuIcmp]).toEqual([1280, false]);
  expect(profile.down).toEqual({
    spans: [
      { from: 5e6, to: 7e6 },
      { from: 60e6, to: 120e6 },
    ],
    period: 3600e6,
  });
});

test("gemodel's parameters after p are those netem fills in", () => {
  expect(parseLink("loss gemodel 1%").loss).toEqual({
    kind: "gilbert-elliott",
    p: 0.01,
    r: 0.99,
    lossBad: 1,
    lossGood: 0,
  });
  expect(parseLink("loss gemodel 1% 10% 70% 0.1%").loss).toEqual({
    kind: "gilbert-elliott",
    p: 0.01,
    r: 0.1,
    lossBad: 0.7,
    lossGood: 0.001,
  });
});

test("words are read on top of a base, so that one thing can be changed while the link runs", () => {
  const base = parseLink("delay 20ms loss 1%");
  expect(parseLink("loss 5%", base)).toEqual(parseLink("delay 20ms loss 5%"));
});

test("out and in choose the direction of what follows", () => {
  const both = parseLinks("delay 20ms out rate 1mbit in rate 10mbit both loss 1%");
  expect(both.out).toEqual(parseLink("delay 20ms rate 1mbit loss 1%"));
  expect(both.in).toEqual(parseLink("delay 20ms rate 10mbit loss 1%"));
});

test("a clause is given once for a direction; one for a single direction goes before one for both", () => {
  const { out, in: back } = parseLinks("rate 10mbit out rate 1mbit");
  expect([out.rate, back.rate]).toEqual([1e6, 10e6]);
  expect(() => parseLinks("out rate 1mbit both rate 10mbit")).toThrow('"rate" is given twice');
  expect(() => parseLinks("out loss 1% in loss 2% out loss 3%")).toThrow('"loss" is given twice');
  // Both kinds of loss may stand together, and neither hides the other.
  expect(parseLink("loss nth 3 loss 1%").lossNth?.mask).toEqual(Uint8Array.of(0, 0, 1));
});

test("what follows may be checked later, when all words are there", () => {
  expect(parseLinks("queue 5", undefined, undefined, true).out.queue.packets).toBe(5);
  expect(missing(parseLink("loss 1%"))).toBeNull();
});

test("clear takes back what was said before, of one direction or of both", () => {
  expect(parseLinks("delay 20ms loss 1% in clear mtu 900")).toEqual({
    out: parseLink("delay 20ms loss 1%"),
    in: parseLink("mtu 900"),
  });
  expect(parseLinks("clear", parseLinks("loss 1%"))).toEqual({ out: CLEAR_LINK, in: CLEAR_LINK });
});

test("both directions come out in words that make them again", () => {
  for (const words of [
    "clear",
    "loss 1%",
    "out delay 20ms in clear",
    "out clear in rate 1mbit",
    "out mtu 900 in loss 1%",
  ]) {
    expect(linksText(parseLinks(words))).toBe(words);
  }
});

test("a trace is read by whoever can read files", () => {
  const trace = parseTrace("1\n2\n", "lte.trace");
  const files = new Map([["lte.trace", trace]]);
  expect(parseLink("trace lte.trace", CLEAR_LINK, (name) => files.get(name)!).trace).toBe(trace);
});

test.each([
  ["delay", 6, '"delay" needs a time such as 20ms'],
  ["delay 20", 7, 'delay: "20" has no unit: use 20ms or 20s'],
  ["delay 20ms loss 101%", 17, 'loss: "101%" is not a percentage from 0% to 100%'],
  ["loss  x", 7, 'loss: "x" is not a percentage from 0% to 100%'],
  ["dealy 20ms", 1, '"dealy" is not a word of the link language: did you mean delay?'],
  ["xyzzy 20ms", 1, "the words are delay jitter loss"],
  ["rate 10mbps", 6, '"10mbps" means bytes in tc and bits elsewhere: use 10mbit'],
  ["rate 0mbit", 6, '"0mbit" is less than 1 bit per second: use 1bit or more'],
  ["rate 10", 6, '"10" has no unit: use 10mbit or 10kbit'],
  ["rate 9999tbit", 6, '"9999tbit" is too fast'],
  ["delay 501h", 7, '"501h" is too long'],
  ["delay 20ms 5ms distribution pareto", 29, "distribution must be uniform or normal"],
  ["reorder 25%", 9, '"reorder" needs a delay'],
  ["mtu 67", 5, '"67" is not a whole number of at least 68'],
  ["queue 1.5", 7, '"1.5" is not a whole number'],
  ["down 7s-5s", 6, '"7s-5s" ends before it begins'],
  ["down 7s", 6, '"7s" is not a span such as 5s-7s'],
  ["down 1s-2", 6, '"2" has no unit'],
  ["loss nth 0", 10, '"0" is not within 1 to 1000000'],
  ["loss nth 5-", 10, '"5-" is not a number or a range'],
  ["loss nth 1-9999999", 10, "is not within 1 to 1000000"],
  ["loss pattern 012", 14, '"012" is not made of 0 (kept) and 1 (lost)'],
  ["trace x", 7, "trace files cannot be read here"],
  ["loss 1% loss 2%", 9, '"loss" is given twice'],
  ["loss 1% loss gemodel 2%", 9, '"loss" is given twice'],
  ["loss nth 3 loss pattern 01", 12, '"loss nth" is given twice'],
  ["delay 20ms 5ms jitter 3ms", 16, '"jitter" is given twice'],
  ["rate 1mbit queue 5 limit 6", 20, '"queue" is given twice'],
  ["loss 1% clear", 9, '"clear" would undo the clauses before it: put it first'],
  ["queue 0", 7, '"queue" needs a rate or a trace: without one no packet ever waits; add rate 10mbit'],
  ["codel", 1, '"codel" needs a rate'],
  ["ecn 20", 5, '"ecn" needs a rate'],
  ["delay 20ms distribution normal", 25, '"distribution" needs a jitter'],
  ["codel interval 0", 16, "the interval must be more than 0"],
])("%j is refused at column %d", (text, column, message) => {
  let error: unknown;
  try {
    parseLink(text);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(LinkSyntaxError);
  expect((error as LinkSyntaxError).message).toContain(message);
  expect((error as LinkSyntaxError).column).toBe(column);
  expect((error as LinkSyntaxError).pointed()).toBe(`${text}\n${" ".repeat(column - 1)}^`);
});

test("any text is either a profile or a LinkSyntaxError", () => {
  const word = fc.constantFrom(
    ...[
      "delay",
      "jitter",
      "loss",
      "gemodel",
      "nth",
      "pattern",
      "1%",
      "20ms",
      "5-7",
      "0",
      "rate",
      "10mbit",
      "queue",
      "64kb",
    ],
    ...["codel", "ecn", "target", "down", "1s-2s", "every", "mtu", "1500", "reorder", "gap", "distribution", "normal"],
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(text, (t) => {
      try {
        parseLink(t);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkSyntaxError);
      }
    }),
    { seed: 2, numRuns: 2_000 },
  );
});

test("the text of a profile reads back as the same profile", () => {
  const percent = fc.nat(1_000).map((n) => n / 1_000);
  const chance = fc
    .record({ probability: percent, correlation: percent })
    .map((c) => (c.probability === 0 ? CLEAR_LINK.duplicate : c));
  const profile: fc.Arbitrary<LinkProfile> = fc
    .record({
      rate: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 2e9 })),
      delay: fc.integer({ min: 1, max: 1e7 }),
      jitter: fc.record({
        spread: fc.integer({ min: 1, max: 1e7 }),
        correlation: percent,
        distribution: fc.constantFrom("uniform" as const, "normal" as const),
        overtakes: fc.boolean(),
      }),
      queue: fc
        .record({
          packets: fc.nat(5_000),
          codel: fc.constantFrom(undefined, { target: 1_000, interval: 7_777, ecn: true }),
          ecnPackets: fc.constantFrom(Number.POSITIVE_INFINITY, 12),
        })
        .map((queue) => ({ ...CLEAR_LINK.queue, ...queue })),
      loss: fc.oneof(
        fc.record({ kind: fc.constant("independent" as const), chance }),
        fc.record({
          kind: fc.constant("gilbert-elliott" as const),
          p: percent,
          r: percent,
          lossBad: percent,
          lossGood: percent,
        }),
      ),
      lossNth: fc.constantFrom(
        undefined,
        { mask: Uint8Array.of(1, 0, 1, 1, 1), repeats: false },
        { mask: Uint8Array.of(0, 0, 1), repeats: true },
      ),
      duplicate: chance,
      reorder: chance.map((c) => ({ ...c, gap: c.probability === 0 ? 1 : 3 })),
      corrupt: chance,
      mtu: fc.constantFrom(undefined, 576),
      mtuIcmp: fc.constant(true),
      down: fc.constantFrom(undefined, { spans: [{ from: 0, to: 15 }], period: 1_000_000 }),
      trace: fc.constant(undefined),
    })
    // Without a rate no queue has an effect, and words for one are refused.
    .map((p) => (p.rate === Number.POSITIVE_INFINITY ? { ...p, queue: CLEAR_LINK.queue } : p));
  fc.assert(
    fc.property(profile, (p) => expect(parseLink(linkText(p))).toEqual(p)),
    { seed: 6, numRuns: 500 },
  );
  expect(linkText(CLEAR_LINK)).toBe("");
});

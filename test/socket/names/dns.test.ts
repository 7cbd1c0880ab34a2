/** The DNS client over the stack's own UDP and TCP, in virtual time: what it asks, whom it believes, and how long it tries. */
import { describe, expect, test } from "bun:test";
import * as dns from "@dnsquery/dns-packet";
import fc from "fast-check";
import { readReply } from "#socket/names/dns-message";
import type { DnsOptions, NetStack } from "#socket/stack-types";
import { HOST, rejection, type World, world } from "../world.ts";
import { type Asked, FORMERR, NXDOMAIN, records, type Said, SERVFAIL, serveDns } from "./dns-server.ts";

const SIX = "fd00:a::7";

/** A world whose peer asks the host, and what the host was asked. */
async function asking(
  answer: (asked: Asked) => Said | Promise<Said>,
  options: DnsOptions = {},
): Promise<World & { readonly asked: Asked[] }> {
  const w = await world({
    host: { address: [`${HOST}/24`, `${SIX}/64`] },
    peer: { address: ["10.0.1.5/24", "fd00:a::5/64"], dns: { servers: HOST, ...options } },
  });
  return { ...w, asked: serveDns(w.host, answer) };
}

const zone =
  (names: Record<string, Partial<Record<"A" | "AAAA", string[]>>>) =>
  ({ name, type }: Asked): Said => {
    const known = names[name];
    if (known === undefined) return { flags: NXDOMAIN };
    return { answers: records(name, type as "A", ...(known[type as "A"] ?? [])) };
  };

const ORG = { "example.org": { A: ["10.0.0.7", "10.0.0.8"], AAAA: [SIX] } };

describe("what is asked and found", () => {
  test("the addresses of both families, in the server's order", async () => {
    const w = await asking(zone(ORG));
    const found = await w.until(w.peer.resolve("example.org"));
    expect(found.toSorted()).toEqual(["10.0.0.7", "10.0.0.8", SIX]);
    expect(w.asked.map(({ name, type, over, extended }) => `${name} ${type} ${over} ${extended}`).toSorted()).toEqual([
      "example.org A udp true",
      "example.org AAAA udp true",
    ]);
  });

  test("a stack without IPv6 addresses asks for IPv4 ones only", async () => {
    const w = await world({ peer: { dns: { servers: HOST } } });
    const asked = serveDns(w.host, zone(ORG));
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7", "10.0.0.8"]);
    expect(asked.map(({ type }) => type)).toEqual(["A"]);
  });

  test("names are asked in lower case and without a final dot, international ones in ASCII", async () => {
    const w = await asking(zone({ ...ORG, "xn--bcher-kva.example": { A: ["10.0.0.9"] } }));
    await w.until(w.peer.resolve("EXAMPLE.org."));
    expect(await w.until(w.peer.resolve("Bücher.example"))).toEqual(["10.0.0.9"]);
    expect([...new Set(w.asked.map(({ name }) => name))]).toEqual(["example.org", "xn--bcher-kva.example"]);
  });

  test("ids and source ports cannot be guessed: they repeat only by chance, and are the same for the same seed", async () => {
    const run = async () => {
      const w = await asking(zone(ORG));
      for (let i = 0; i < 50; i++) await w.until(w.peer.resolve("example.org"));
      return w.asked;
    };
    const first = await run();
    for (const field of ["id", "port"] as const) {
      const all = first.map((asked) => asked[field]);
      expect(new Set(all).size).toBeGreaterThan(95);
      const steps = all.slice(1).map((each, i) => Math.abs(each - all[i]!));
      expect(steps.filter((step) => step < 16).length).toBeLessThan(5);
    }
    expect(await run()).toEqual(first);
  });

  test("an address is its own, and localhost is this host: nobody is asked", async () => {
    const w = await asking(() => null);
    expect(await w.peer.resolve("10.9.8.7")).toEqual(["10.9.8.7"]);
    expect(await w.peer.resolve("localhost")).toEqual(["::1", "127.0.0.1"]);
    expect(await w.peer.resolve("a.LocalHost")).toEqual(["::1", "127.0.0.1"]);
    expect(w.asked).toEqual([]);
  });
});

describe("aliases", () => {
  test("a chain of CNAMEs in one answer is followed, whatever the order of its records", async () => {
    const w = await asking(({ name, type }) => {
      if (type === "AAAA") return {};
      return {
        answers: [
          ...records("c.example", "A", "10.0.0.9"),
          ...records("other.example", "A", "10.6.6.6"),
          ...records("b.example", "CNAME", "C.example"),
          ...records(name, "CNAME", "b.example"),
        ],
      };
    });
    expect(await w.until(w.peer.resolve("a.example"))).toEqual(["10.0.0.9"]);
  });

  test("an alias whose addresses are not in the answer is asked for", async () => {
    const w = await asking(({ name, type }) => {
      if (type === "AAAA") return {};
      return { answers: name === "a.example" ? records(name, "CNAME", "b.example") : records(name, "A", "10.0.0.9") };
    });
    expect(await w.until(w.peer.resolve("a.example"))).toEqual(["10.0.0.9"]);
    expect(w.asked.map(({ name, type }) => `${name} ${type}`)).toContain("b.example A");
  });

  test("an alias that is not a name is not asked for, and its octets are not in the message", async () => {
    for (const octet of [0x1b, 0x20, 0xff]) {
      const w = await asking(({ id, name, type }) => {
        const questions = [{ type: type as "A", name, class: "IN" as const }];
        const answers = records(name, "CNAME", `${"Z".repeat(63)}.example`);
        const bytes = dns.encode({ type: "response", id, questions, answers });
        return bytes.map((each) => (each === "Z".charCodeAt(0) ? octet : each));
      });
      expect(await w.until(rejection(w.peer.resolve("a.example")))).toMatchObject({
        code: "EAI_AGAIN",
        message: `could not look up a.example: ${HOST}:53 answered with an alias that is not a name`,
      });
      expect(new Set(w.asked.map(({ name }) => name))).toEqual(new Set(["a.example"]));
    }
  });

  test("aliases in a circle, and without end, end as an error", async () => {
    const circle = await asking(({ name }) => ({
      answers: [...records(name, "CNAME", "b.example"), ...records("b.example", "CNAME", name)],
    }));
    expect(await circle.until(rejection(circle.peer.resolve("a.example")))).toMatchObject({
      code: "ENOTFOUND",
    });
    expect(circle.asked.length).toBeLessThanOrEqual(34);
    let n = 0;
    const endless = await asking(({ name }) => ({ answers: records(name, "CNAME", `n${n++}.example`) }));
    expect(await endless.until(rejection(endless.peer.resolve("a.example")))).toMatchObject({
      code: "EAI_AGAIN",
      message: "could not look up a.example: it is an alias of an alias, and so on",
    });
    expect(endless.asked.length).toBe(32);
  });
});

describe("answers that do not fit", () => {
  const many = Array.from({ length: 60 }, (_, i) => `10.1.0.${i}`);

  test("a truncated answer is asked for again over TCP", async () => {
    const w = await asking(({ name, type, over }) => {
      if (type === "AAAA") return {};
      return over === "udp" ? { flags: dns.TRUNCATED_RESPONSE } : { answers: records(name, "A", ...many) };
    });
    expect(await w.until(w.peer.resolve("many.example"))).toEqual(many);
    expect(w.peer.engine.connectionCount).toBe(0);
  });

  test("a server that truncates over TCP as well, or answers nothing there, is given up in time", async () => {
    for (const answer of [{ flags: dns.TRUNCATED_RESPONSE }, null]) {
      const w = await asking(({ over }) => (over === "udp" ? { flags: dns.TRUNCATED_RESPONSE } : answer), {
        timeout: 500,
        attempts: 1,
      });
      expect(await w.until(rejection(w.peer.resolve("many.example")))).toMatchObject({ code: "EAI_AGAIN" });
      expect(w.sim.now).toBeLessThan(700_000);
    }
  });

  test("a server that does not know EDNS is asked without it", async () => {
    const w = await asking((asked) => (asked.extended ? { flags: FORMERR, questions: [] } : zone(ORG)(asked)));
    expect(await w.until(w.peer.resolve("example.org"))).toHaveLength(3);
  });
});

describe("servers", () => {
  test("a server that is silent is left for the next one after the timeout", async () => {
    const w = await asking(zone(ORG), { servers: ["10.0.0.99", HOST], timeout: 300 });
    await w.until(w.peer.resolve("example.org"));
    expect(w.sim.now / 1_000).toBeWithin(300, 400);
  });

  test("a server that fails, or whose port nobody has, is left at once", async () => {
    const w = await asking((asked) => (asked.type === "A" ? { flags: SERVFAIL } : {}), {
      servers: [`${HOST}:5300`, HOST],
      attempts: 1,
    });
    const error = await w.until(rejection(w.peer.resolve("example.org")));
    expect(error).toMatchObject({
      code: "EAI_AGAIN",
      message: `could not look up example.org: ${HOST}:53 answered SERVFAIL`,
    });
    expect(w.sim.now / 1_000).toBeLessThan(100);
  });

  test("when all are silent, the error says who and how long, after all rounds", async () => {
    const w = await asking(() => null, { servers: ["10.0.0.98", "[fd00:a::99]:53"], timeout: 200, attempts: 3 });
    expect(await w.until(rejection(w.peer.resolve("example.org")))).toMatchObject({
      code: "EAI_AGAIN",
      message: "could not look up example.org: [fd00:a::99]:53 did not answer within 200 ms",
    });
    expect(w.sim.now / 1_000).toBeWithin(1_200, 1_210);
  });

  test("a name that does not exist, or has no address, is not asked for again", async () => {
    const w = await asking(zone({ "empty.example": {} }));
    expect(await w.until(rejection(w.peer.resolve("no.example")))).toMatchObject({
      code: "ENOTFOUND",
      message: `no.example does not exist, says ${HOST}:53 (NXDOMAIN)`,
    });
    expect(await w.until(rejection(w.peer.resolve("empty.example")))).toMatchObject({
      code: "ENOTFOUND",
      message: "empty.example has no address",
    });
    expect(w.asked).toHaveLength(4);
  });

  test("a server of a family that the stack does not have is passed over", async () => {
    const w = await world({ peer: { dns: { servers: [SIX, HOST] } } });
    serveDns(w.host, zone(ORG));
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7", "10.0.0.8"]);
    const alone = await world({ peer: { dns: { servers: SIX, attempts: 1 } } });
    expect(await alone.until(rejection(alone.peer.resolve("example.org")))).toMatchObject({
      name: "ConnectionError",
      code: "EAI_AGAIN",
      message: `could not look up example.org: [${SIX}]:53 cannot be asked: this stack has no IPv6 address`,
    });
  });

  test("one family's failure does not hide the other's addresses", async () => {
    const w = await asking((asked) => (asked.type === "AAAA" ? { flags: SERVFAIL } : zone(ORG)(asked)));
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7", "10.0.0.8"]);
  });

  test("more names at once than the limit are refused, and nothing is left afterwards", async () => {
    const w = await asking(zone(ORG));
    const all = Array.from({ length: 300 }, () => rejection(w.peer.resolve("example.org")));
    const codes = (await w.until(Promise.all(all))).map((error) => error?.code);
    expect(codes.filter((code) => code === "EAI_AGAIN").length).toBe(300 - 128);
    expect(await w.until(w.peer.resolve("example.org"))).toHaveLength(3);
    expect(w.peer.engine.alarms.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  test("a signal ends it", async () => {
    const w = await asking(() => null);
    const stop = new AbortController();
    const error = rejection(w.peer.resolve("example.org", { signal: stop.signal }));
    await w.pass(100);
    stop.abort(new Error("enough"));
    expect(await w.until(error)).toMatchObject({ message: "enough" });
    expect(w.sim.now).toBe(100_000);
    expect(await rejection(w.peer.resolve("example.org", { signal: stop.signal }))).toMatchObject({
      message: "enough",
    });
  });
});

describe("whom it believes", () => {
  const forged = (asked: Asked, more: Partial<dns.Packet>) =>
    dns.encode({
      type: "response",
      id: asked.id,
      questions: [{ name: asked.name, type: asked.type as "A", class: "IN" }],
      answers: records(asked.name, "A", "6.6.6.6"),
      ...more,
    } as dns.Packet);

  test.each<[string, (asked: Asked) => Uint8Array]>([
    ["another id", (asked) => forged(asked, { id: asked.id ^ 1 })],
    ["a query", (asked) => forged(asked, { type: "query" })],
    ["another name", (asked) => forged(asked, { questions: [{ name: "other.example", type: "A", class: "IN" }] })],
    ["another type", (asked) => forged(asked, { questions: [{ name: asked.name, type: "TXT", class: "IN" }] })],
    ["another class", (asked) => forged(asked, { questions: [{ name: asked.name, type: "A", class: "CH" as never }] })],
    ["no question", (asked) => forged(asked, { questions: [] })],
    [
      "two questions",
      (asked) => forged(asked, { questions: Array(2).fill({ name: asked.name, type: "A", class: "IN" }) }),
    ],
    ["half of an answer", (asked) => forged(asked, {}).subarray(0, 30)],
    ["nothing", () => new Uint8Array(0)],
  ])("%s is ignored, and the true answer is taken", async (_, forge) => {
    const w = await asking((asked) => {
      if (asked.type === "AAAA") return {};
      return [forge(asked), { answers: records(asked.name, "A", "10.0.0.7") }];
    });
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7"]);
  });

  test("an answer from another port of the server is not heard", async () => {
    const w = await asking((asked) => {
      if (asked.type === "AAAA") return {};
      w.host.bind({ port: 0 }).send(forged(asked, {}), asked.port, "10.0.1.5");
      return new Promise((resolve) =>
        w.sim.at(w.sim.now + 50_000, () => resolve({ answers: records(asked.name, "A", "10.0.0.7") })),
      );
    });
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7"]);
  });

  test("records of other names, types and classes are no addresses", async () => {
    const w = await asking(({ name, type }) => {
      if (type === "AAAA") return { answers: records(name, "A", "10.0.0.6") };
      return {
        answers: [
          ...records("other.example", "A", "10.0.0.6"),
          ...records(name, "AAAA", "fd00::6"),
          { name, type: "A", class: "CH" as never, ttl: 1, data: "10.0.0.6" },
          ...records(name, "A", "10.0.0.7"),
        ],
      };
    });
    expect(await w.until(w.peer.resolve("example.org"))).toEqual(["10.0.0.7"]);
  });

  test("a flood of forgeries ends the question, and another server is asked", async () => {
    const w = await asking((asked) => Array.from({ length: 80 }, () => forged(asked, { id: asked.id ^ 1 })), {
      attempts: 1,
      timeout: 1_000,
    });
    expect(await w.until(rejection(w.peer.resolve("example.org")))).toMatchObject({ code: "EAI_AGAIN" });
    expect(w.sim.now).toBeLessThan(1_001_000);
  });

  test("no octets make reading an answer throw", () => {
    const question = { id: 7, name: "example.org", type: "A" } as const;
    const good = forged({ ...question, over: "udp", extended: true, port: 1 }, {});
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        (edits) => {
          const bytes = good.slice();
          for (const [at, value] of edits) bytes[at] = value;
          for (const address of readReply(dns, bytes, question)?.addresses ?? []) expect(address).toMatch(/^[\d.]+$/);
        },
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        readReply(dns, bytes, question);
      }),
      { numRuns: 300 },
    );
  });
});

describe("arguments", () => {
  const refusal = async (dns: unknown) => (await rejection(world({ peer: { dns } as never })))?.message;

  test("mistakes in dns are told", async () => {
    expect(await refusal({ server: "x" })).toBe('dns has no "server": did you mean servers?');
    expect(await refusal({ servers: [] })).toBe("dns.servers must have 1 to 8 addresses, not 0");
    expect(await refusal({ servers: "ns.example" })).toContain('"ns.example" is not the address of a DNS server');
    expect(await refusal({ servers: "224.0.0.1" })).toContain('"224.0.0.1" is not the address of a DNS server');
    expect(await refusal({ servers: "10.0.0.1:0" })).toContain("the port of a DNS server must be a whole number");
    expect(await refusal({ servers: HOST, timeout: 0 })).toContain("dns.timeout must be a time in ms above 0");
    expect(await refusal({ servers: HOST, attempts: 11 })).toContain(
      "dns.attempts must be a whole number from 1 to 10",
    );
    expect(await refusal({})).toContain("dns needs servers on this host");
    expect(await refusal(true)).toContain("dns must be false or an object, not true");
  });

  test("what is no name is refused before anybody is asked", async () => {
    const w = await asking(() => null);
    const { peer } = w as { peer: NetStack };
    const refused = async (name: unknown) => (await rejection(peer.resolve(name as string)))?.message;
    expect(await refused(7)).toBe('resolve needs a name such as "example.org", not 7');
    expect(await refused("")).toContain('"" is not a name');
    expect(await refused("a..b")).toContain('"a..b" is not a name');
    expect(await refused("a b")).toContain('"a b" is not a name');
    expect(await refused("-a.example")).toContain("is not a name");
    expect(await refused(`${"a".repeat(64)}.example`)).toContain("has more than 63 octets");
    expect(await refused("abc.".repeat(64))).toContain("has more than 253 octets");
    expect(w.asked).toEqual([]);
  });

  test("a stack without a resolver refuses names, and says how to give it one", async () => {
    const w = await world();
    expect(await rejection(w.peer.resolve("example.org"))).toMatchObject({
      code: "EINVAL",
      message:
        '"example.org" is a name, and this stack does not resolve names: use an IP address, or give createStack dns: { servers: ["10.0.0.1"] } or a resolve function',
    });
  });
});

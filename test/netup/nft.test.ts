import { expect, test } from "bun:test";
import { counterOf, mayDrop, type NftChain, readRuleset, tableStands, tableText } from "#netup/nft";
import { settle } from "#netup/options";
import { Recorded } from "./recorded.ts";

const settings = settle({ system: new Recorded() });

const ok = (items: object[]) => ({ code: 0, out: JSON.stringify({ nftables: items }), err: "" });

/** What nft would list after taking our transaction: its last table, with what was added to it. */
function listed(text: string): object[] {
  const commands = JSON.parse(text).nftables as { add?: object; delete?: object }[];
  return commands
    .slice(commands.findLastIndex((command) => command.delete !== undefined) + 1)
    .map((command) => command.add!);
}

test("the transaction replaces our table and touches no other", () => {
  const commands = JSON.parse(tableText(settings, "eth0")).nftables as Record<
    string,
    Record<string, Record<string, string>>
  >[];
  expect(commands.slice(0, 3).map((command) => Object.keys(command)[0])).toEqual(["add", "delete", "add"]);
  for (const command of commands) {
    for (const what of Object.values(command)) {
      for (const [kind, thing] of Object.entries(what)) {
        expect([thing.family, kind === "table" ? thing.name : thing.table]).toEqual(["inet", "tcpnet"]);
      }
    }
  }
});

test("untracking comes before the kernel puts fragments together (-400), and for the lab's own traffic only", () => {
  const [, chain, rule] = listed(tableText(settings, null)) as [
    object,
    { chain: { prio: number } },
    { rule: { expr: object[] } },
  ];
  expect(chain.chain.prio).toBeLessThan(-400);
  const lab = { set: ["tun0", "tun1"] };
  expect(rule.rule.expr.slice(0, 2)).toEqual([
    { match: { op: "==", left: { meta: { key: "iifname" } }, right: lab } },
    { match: { op: "==", left: { fib: { result: "oifname", flags: ["daddr"] } }, right: lab } },
  ]);
});

test("our table counts as set up only if it has exactly the wanted rules", () => {
  const plain = readRuleset(ok(listed(tableText(settings, null))))!;
  const routed = readRuleset(ok(listed(tableText(settings, "eth0"))))!;
  const others = settle({ system: new Recorded(), ifs: "lab0,lab1" });
  expect(tableStands(plain, settings, null)).toBe(true);
  expect(tableStands(routed, settings, "eth0")).toBe(true);
  expect(tableStands(plain, settings, "eth0")).toBe(false);
  expect(tableStands(routed, settings, null)).toBe(false);
  expect(tableStands(routed, settings, "eth1")).toBe(false);
  expect(tableStands(plain, others, null)).toBe(false);
  expect(tableStands(readRuleset(ok([]))!, settings, null)).toBe(false);
});

test("missing output of nft means unknown, and entries that cannot be parsed are skipped", () => {
  expect(readRuleset({ code: 1, out: "", err: "Operation not permitted" })).toBeNull();
  for (const out of ["", "{}", "[]", "null", "not json", `{"nftables": [3, null, {"rule": 4}]}`]) {
    expect(readRuleset({ code: 0, out, err: "" })).toEqual({ tables: [], chains: [], rules: [] });
  }
});

const base = (policy: string) => ({
  chain: { family: "ip", table: "t", name: "f", type: "filter", hook: "forward", prio: 0, policy },
});
const rule = (chain: string, ...expr: object[]) => ({ rule: { family: "ip", table: "t", chain, expr } });

test("a chain may drop by its policy, by a rule, or by a rule of a chain that it jumps to", () => {
  const may = (...items: object[]) => {
    const ruleset = readRuleset(ok(items))!;
    return mayDrop(ruleset, ruleset.chains[0] as NftChain);
  };
  const counter = { counter: { packets: 1, bytes: 2 } };
  expect(may(base("accept"))).toBe(false);
  expect(may(base("drop"))).toBe(true);
  expect(may(base("accept"), rule("f", counter, { drop: null }))).toBe(true);
  expect(may(base("accept"), rule("f", counter, { accept: null }))).toBe(false);
  expect(may(base("accept"), rule("elsewhere", { drop: null }))).toBe(false);
  expect(may(base("accept"), rule("f", { jump: { target: "g" } }), rule("g", { reject: {} }))).toBe(true);
  expect(may(base("accept"), rule("f", { goto: { target: "g" } }), rule("g", { jump: { target: "f" } }))).toBe(false);
  expect(may(base("accept"), rule("f", { xt: { type: "target", name: "REJECT" } }))).toBe(true);
});

test("a rule's counter is read, and a rule without one has none", () => {
  const rules = readRuleset(
    ok([rule("f", { counter: { packets: 3, bytes: 180 } }), rule("f", { accept: null })]),
  )!.rules;
  expect(rules.map(counterOf)).toEqual([{ packets: 3, bytes: 180 }, null]);
});

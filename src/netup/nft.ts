import type { Settings } from "./options.ts";
import type { Ran } from "./run.ts";

/** Our own table. All rules in it are ours, and we have no rules in other nftables tables. */
export const TABLE_FAMILY = "inet";
export const TABLE = "tcpnet";

/** The kernel reassembles fragments at -400. A later priority (raw is -300) would see packets reassembled. */
const BEFORE_DEFRAG = -450;
const PRIORITY_MANGLE = -150;
const PRIORITY_SRCNAT = 100;

export interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** null: not a base chain; only other chains jump to it. */
  readonly hook: string | null;
  readonly priority: number;
  readonly policy: string | null;
}

export interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly comment: string | null;
  readonly expr: readonly Json[];
}

export interface Ruleset {
  readonly tables: readonly string[];
  readonly chains: readonly NftChain[];
  readonly rules: readonly NftRule[];
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** Parses the output of `nft -j list ruleset`; null if it cannot be parsed. */
export function readRuleset(ran: Ran): Ruleset | null {
  if (ran.code !== 0) return null;
  const tables: string[] = [];
  const chains: NftChain[] = [];
  const rules: NftRule[] = [];
  for (const item of parseList(ran.out)) {
    const { table, chain, rule } = item;
    if (isObject(table)) tables.push(`${table.family} ${table.name}`);
    if (isObject(chain)) {
      chains.push({
        family: String(chain.family),
        table: String(chain.table),
        name: String(chain.name),
        hook: typeof chain.hook === "string" ? chain.hook : null,
        priority: Number(chain.prio ?? 0),
        policy: typeof chain.policy === "string" ? chain.policy : null,
      });
    }
    if (isObject(rule)) {
      rules.push({
        family: String(rule.family),
        table: String(rule.table),
        chain: String(rule.chain),
        comment: typeof rule.comment === "string" ? rule.comment : null,
        expr: Array.isArray(rule.expr) ? rule.expr : [],
      });
    }
  }
  return { tables, chains, rules };
}

function parseList(text: string): JsonObject[] {
  if (text.trim() === "") return [];
  try {
    const parsed = JSON.parse(text) as Json;
    const list = isObject(parsed) ? parsed.nftables : null;
    return Array.isArray(list) ? list.filter(isObject) : [];
  } catch {
    return [];
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether this chain can drop a packet: by its policy, by a rule, or by a rule of a chain it jumps to. */
export function mayDrop(ruleset: Ruleset, chain: NftChain): boolean {
  return chain.policy === "drop" || rulesDrop(ruleset, chain, chain.name, new Set());
}

function rulesDrop(ruleset: Ruleset, base: NftChain, name: string, seen: Set<string>): boolean {
  if (seen.has(name)) return false;
  seen.add(name);
  for (const rule of ruleset.rules) {
    if (rule.family !== base.family || rule.table !== base.table || rule.chain !== name) continue;
    for (const part of rule.expr) {
      if (!isObject(part)) continue;
      if ("drop" in part || "reject" in part) return true;
      const next = part.jump ?? part.goto;
      if (isObject(next) && rulesDrop(ruleset, base, String(next.target), seen)) return true;
      if (isObject(part.xt) && part.xt.type === "target" && /^(DROP|REJECT)$/.test(String(part.xt.name))) return true;
    }
  }
  return false;
}

/** Packets and bytes that a rule has counted; null if it has no counter. */
export function counterOf(rule: NftRule): { packets: number; bytes: number } | null {
  for (const part of rule.expr) {
    if (isObject(part) && isObject(part.counter)) {
      return { packets: Number(part.counter.packets ?? 0), bytes: Number(part.counter.bytes ?? 0) };
    }
  }
  return null;
}

interface OwnRule {
  readonly chain: "pre" | "post" | "mss";
  /** Describes the rule and names its interfaces, so it also identifies the rule. */
  readonly comment: string;
  readonly expr: Json[];
}

/** The rules of our table, in order. */
export function ownRules(settings: Settings, uplink: string | null): OwnRule[] {
  const lab = settings.sides.map((side) => side.name);
  const both = lab.join(" ");
  const rules: OwnRule[] = [
    {
      chain: "pre",
      comment: `tcpnet: ${both} to each other, untracked`,
      expr: [is(meta("iifname"), { set: lab }), is(toward, { set: lab }), count, { notrack: null }],
    },
  ];
  if (uplink === null) return rules;
  rules.push({
    chain: "post",
    comment: `tcpnet: ${both} to ${uplink}, masqueraded`,
    expr: [is(meta("iifname"), { set: lab }), is(meta("oifname"), uplink), count, { masquerade: null }],
  });
  for (const [from, to] of [
    [{ set: lab }, uplink],
    [uplink, { set: lab }],
  ] as const) {
    rules.push({
      chain: "mss",
      comment: `tcpnet: SYN from ${from === uplink ? uplink : both}, MSS clamped to the path`,
      expr: [is(meta("iifname"), from), is(meta("oifname"), to), isSyn, count, clamp],
    });
  }
  return rules;
}

const count: Json = { counter: null };
/** The interface that the kernel would route the packet to, looked up before the routing decision. */
const toward: Json = { fib: { result: "oifname", flags: ["daddr"] } };
const isSyn: Json = is({ "&": [{ payload: { protocol: "tcp", field: "flags" } }, ["syn", "rst"]] }, "syn");
const clamp: Json = {
  mangle: { key: { "tcp option": { name: "maxseg", field: "size" } }, value: { rt: { key: "mtu" } } },
};

function meta(key: string): Json {
  return { meta: { key } };
}

function is(left: Json, right: Json): Json {
  return { match: { op: "==", left, right } };
}

const CHAINS = {
  pre: { type: "filter", hook: "prerouting", prio: BEFORE_DEFRAG },
  post: { type: "nat", hook: "postrouting", prio: PRIORITY_SRCNAT },
  mss: { type: "filter", hook: "forward", prio: PRIORITY_MANGLE },
} as const;

/** The input of `nft -j -f -`: one transaction that replaces our table. */
export function tableText(settings: Settings, uplink: string | null): string {
  const family = TABLE_FAMILY;
  const table = { table: { family, name: TABLE } };
  const rules = ownRules(settings, uplink);
  const chains = [...new Set(rules.map((rule) => rule.chain))].map((name) => ({
    add: { chain: { family, table: TABLE, name, ...CHAINS[name], policy: "accept" } },
  }));
  const adds = rules.map((rule) => ({ add: { rule: { family, table: TABLE, ...rule } } }));
  // Deleting a missing table fails, so add it first: add, delete, add.
  return JSON.stringify({ nftables: [{ add: table }, { delete: table }, { add: table }, ...chains, ...adds] });
}

/** Whether our table holds exactly the wanted rules. */
export function tableStands(ruleset: Ruleset, settings: Settings, uplink: string | null): boolean {
  const found = ownTableRules(ruleset).map((rule) => `${rule.chain} ${rule.comment}`);
  const wanted = ownRules(settings, uplink).map((rule) => `${rule.chain} ${rule.comment}`);
  return found.join("\n") === wanted.join("\n");
}

export function ownTableRules(ruleset: Ruleset): NftRule[] {
  return ruleset.rules.filter((rule) => rule.family === TABLE_FAMILY && rule.table === TABLE);
}

export function ownTableExists(ruleset: Ruleset): boolean {
  return ruleset.tables.includes(`${TABLE_FAMILY} ${TABLE}`);
}

/** `node:dns`: hosts of a world know each other's names, and nothing else is asked. */
import type { LookupFunction, LookupQuery } from "#node/call-arguments";
import { coded } from "#node/errors";
import { familyOf } from "#node/ip";
import { stackLookup } from "#node/resolve";
import { type Bag, PROMISIFY } from "../globals.ts";
import type { Network } from "../place.ts";
import { type Call, divert, divertIn, notOfThisWorld, set } from "./divert.ts";

type Done = (error: Error | null, ...results: unknown[]) => void;

/** What `dns.lookup` is asked for: a family, or options. */
function queryOf(options: unknown): LookupQuery {
  const { family = 0, all = false } = (typeof options === "number" ? { family: options } : (options ?? {})) as Bag;
  return { family: family === "IPv4" ? 4 : family === "IPv6" ? 6 : Number(family), hints: 0, all: all === true };
}

/** Only these records exist: addresses of hosts, by their names. */
const FAMILIES: Readonly<Record<string, 4 | 6>> = { A: 4, AAAA: 6 };

/** What asks servers of names. All but those of addresses are refused. */
const QUERIES = [
  "resolve",
  "resolve4",
  "resolve6",
  ...["Any", "Caa", "Cname", "Mx", "Naptr", "Ns", "Ptr", "Soa", "Srv", "Tlsa", "Txt"].map((type) => `resolve${type}`),
  "reverse",
  "lookupService",
] as const;

/** Answers `resolve4(name, options?)` and its like. */
async function answer({ stack }: Network, query: string, args: readonly unknown[]): Promise<unknown> {
  const type = query === "resolve4" ? "A" : query === "resolve6" ? "AAAA" : query === "resolve" ? (args[1] ?? "A") : "";
  const family = FAMILIES[String(type)];
  if (family === undefined)
    throw notOfThisWorld(
      `dns.${query}${type === "" ? "" : ` of ${type} records`}`,
      "dns.lookup or dns.resolve4 with a host's name",
    );
  const name = String(args[0]);
  const ttl = ((args.at(-1) ?? {}) as Bag).ttl === true;
  const syscall = `query${type === "A" ? "A" : "Aaaa"}`;
  const failed = Object.assign(coded("ENOTFOUND", `${syscall} ENOTFOUND ${name}`), { syscall, hostname: name });
  const all = await stack.resolve(name).catch(() => {
    throw failed;
  });
  const found = all.filter((address) => familyOf(address) === `IPv${family}`);
  if (found.length === 0) throw failed;
  return ttl ? found.map((address) => ({ address, ttl: 0 })) : found;
}

const promised =
  (query: string) =>
  (network: Network): Call =>
  (...args) =>
    answer(network, query, args);

const calledBack =
  (query: string) =>
  (network: Network): Call =>
  (...args) => {
    const done = args.pop() as Done;
    answer(network, query, args).then(
      (found) => done(null, found),
      (error) => done(error),
    );
  };

export function divertDns(dns: Bag): void {
  const promises = dns.promises as Bag;
  const lookup = ({ stack }: Network) =>
    ((name: string, options: unknown, done: unknown = options) =>
      stackLookup(stack)(name, queryOf(options), done as Parameters<LookupFunction>[2])) as Call;
  const lookupPromised = ({ stack }: Network) =>
    ((name: string, options: unknown) =>
      new Promise((resolve, reject) => {
        const query = queryOf(options);
        stackLookup(stack)(name, query, (error, address, family) => {
          if (error) reject(error);
          else resolve(query.all ? address : { address, family });
        });
      })) as Call;
  divertIn(promises, "lookup", lookupPromised);
  set(dns, "lookup", Object.assign(divert(dns.lookup as Call, lookup), { [PROMISIFY]: promises.lookup }));
  const resolvers = [dns, promises].map(({ Resolver }) => (Resolver as { prototype: Bag }).prototype);
  for (const query of QUERIES) {
    for (const target of [promises, resolvers[1]!]) divertIn(target, query, promised(query));
    for (const target of [dns, resolvers[0]!]) divertIn(target, query, calledBack(query));
  }
}

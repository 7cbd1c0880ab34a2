/** From a name to addresses, before a connection is attempted. */
import type { NetStack } from "#socket/types";
import type { LookupAddress, LookupFunction, LookupQuery } from "./call-arguments.ts";
import { coded, notFound, wrongType } from "./errors.ts";
import { isIP } from "./ip.ts";

/** The names of this machine (RFC 6761 §6.3), which no server is asked for. */
const LOCAL = /^(?:localhost|.+\.localhost)\.?$/i;

/** The resolver of a stack that was given none: names of this machine, and an error for all others. */
export function localLookup(stack: NetStack): LookupFunction {
  return (hostname, { family, all }, callback) => {
    const found = LOCAL.test(hostname) ? loopback(stack, family) : [];
    const [first] = found;
    if (first === undefined) {
      const why = "this stack was given no resolver: pass the option lookup, for example dns.lookup, or an IP address";
      callback(notFound(hostname, new Error(why)), "");
    } else if (all) callback(null, found);
    else callback(null, first.address, first.family);
  };
}

function loopback(stack: NetStack, family: number): LookupAddress[] {
  const hasFour = stack.addresses.some((address) => !address.includes(":"));
  const hasSix = stack.addresses.some((address) => address.includes(":"));
  const four = hasFour && family !== 6 ? [{ address: "127.0.0.1", family: 4 }] : [];
  const six = hasSix && family !== 4 ? [{ address: "::1", family: 6 }] : [];
  return [...four, ...six];
}

/** Calls `done` with the addresses of `host` in the resolver's order, or with an error; never before it returns. */
export function resolveHost(
  host: string,
  query: LookupQuery,
  lookup: LookupFunction,
  done: (error: Error | null, addresses: readonly LookupAddress[]) => void,
): void {
  lookup(host, query, (error, found, family) => {
    if (error) return done(error, []);
    const list = Array.isArray(found) ? (found as readonly LookupAddress[]) : [alone(found as string, family)];
    const wrong = list.find(({ address }) => isIP(address) === 0);
    if (wrong !== undefined) return done(invalidAddress(wrong.address), []);
    if (list.length === 0) return done(notFound(host), []);
    done(null, list);
  });
}

function alone(address: string, family: number | undefined): LookupAddress {
  return { address, family: family ?? isIP(address) };
}

function invalidAddress(address: unknown): Error {
  if (typeof address !== "string") return wrongType("ip", "of type string", address);
  return coded("ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${address}`, TypeError);
}

/** The addresses of both families in turn, the family of the first one first (RFC 8305 §4). */
export function interlaced(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses[0]?.family;
  const same = addresses.filter(({ family }) => family === first);
  const other = addresses.filter(({ family }) => family !== first);
  const longer = Math.max(same.length, other.length);
  return Array.from({ length: longer }, (_, i) => [same[i], other[i]].filter((one) => one !== undefined)).flat();
}

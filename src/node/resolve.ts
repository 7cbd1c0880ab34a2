/** From a name to addresses, before a connection is attempted. */
import type { NetStack } from "#socket/stack-types";
import type { LookupAddress, LookupFunction, LookupQuery } from "./call-arguments.ts";
import { coded, notFound, tryAgain, wrongType } from "./errors.ts";
import { isIP } from "./ip.ts";

/** The stack's resolver in the shape of Node's `dns.lookup`. */
export function stackLookup(stack: NetStack): LookupFunction {
  return (hostname, { family, all }, callback) => {
    const found = (addresses: readonly string[]) => {
      const list = addresses.map((address): LookupAddress => ({ address, family: isIP(address) }));
      const fitting = list.filter((each) => family === 0 || each.family === family);
      const [first] = fitting;
      if (first === undefined) callback(notFound(hostname), "");
      else if (all) callback(null, fitting);
      else callback(null, first.address, first.family);
    };
    const failed = (cause: unknown) => {
      const again = (cause as { code?: string }).code === "EAI_AGAIN";
      callback(again ? tryAgain(hostname, cause) : notFound(hostname, cause), "");
    };
    asked(stack, hostname).then(found, failed);
  };
}

/** Also a call that is refused, because this stack resolves no names, is an answer to the callback. */
async function asked(stack: NetStack, hostname: string): Promise<string[]> {
  return stack.resolve(hostname);
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

import { type Address, parseAddress } from "#ip/address";
import { addressHint, addressReason, Prefix, parsePrefix } from "#ip/prefix";
import { invalid, shown, whole } from "./checks.ts";
import { isName } from "./names/name-text.ts";
import type { Endpoint } from "./types.ts";

/** `10.0.1.5:7000`, `[fd00::5]:7000`. */
export function endpointText({ hostname, port }: Endpoint): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

export function endpointOf(address: Address, port: number): Endpoint {
  return { hostname: address.toString(), port };
}

/**
 * Reads the remote of `connect`: `{ hostname, port }`, "10.0.0.7:80" or "[fd00::7]:80". @throws CallError EINVAL for anything
 * else; the message says what to write instead.
 */
export function remoteOf(remote: unknown): { readonly address: Address; readonly port: number } {
  const { hostname, port } = typeof remote === "string" ? split(remote) : checked(remote);
  return { address: hostOf(hostname), port: whole("port", port, 1, 65_535) };
}

/** The name and the port, if `connect` was given a name instead of an address; else null. @throws CallError EINVAL. */
export function nameOf(remote: unknown): Endpoint | null {
  const { hostname, port } = typeof remote === "string" ? split(remote) : checked(remote);
  if (hostNameOf(hostname) === null) return null;
  return { hostname, port: whole("port", port, 1, 65_535) };
}

/** A host as text if it is a name; null for addresses, and for what is neither. */
export function hostNameOf(text: string): string | null {
  return parseAddress(unbracketed(text)) === null && isName(text) ? text : null;
}

/** Reads the address of one host, which may be this stack. @throws CallError EINVAL. */
export function hostOf(hostname: string): Address {
  const address = addressOf(hostname);
  if (address.isUnicast || address.isLoopback) return address;
  throw invalid(`${hostname} is not the address of one host: name the other side's address, such as 10.0.0.7`);
}

const WHERE = '{ hostname: "10.0.0.7", port: 80 } or "10.0.0.7:80"';

function checked(remote: unknown): Endpoint {
  if (typeof remote !== "object" || remote === null) {
    throw invalid(`connect needs a remote, ${WHERE}, not ${remote === undefined ? "nothing" : shown(remote)}`);
  }
  const { hostname, port } = remote as Partial<Endpoint>;
  if (hostname === undefined) throw invalid(`connect needs a hostname: ${WHERE}`);
  if (typeof hostname !== "string") throw invalid(`hostname must be a text such as "10.0.0.7", not ${shown(hostname)}`);
  if (port === undefined) throw invalid(`connect needs a port: ${WHERE}`);
  return remote as Endpoint;
}

/** Parses the text of an endpoint, as `endpointText` writes it. */
function split(text: string): Endpoint {
  const match = /^(\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(text);
  if (match !== null) return { hostname: match[1]!, port: Number(match[2]) };
  const bare = unbracketed(text);
  const v6 = parseAddress(bare)?.family === 6;
  if (v6 || parseAddress(text) !== null) throw invalid(`"${text}" has no port: use "${v6 ? `[${bare}]` : text}:80"`);
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[0];
  if (scheme !== undefined)
    throw invalid(`${shown(text)} is a URL: leave ${scheme} and the path out, as in "10.0.0.7:80"`);
  throw invalid(`${shown(text)} is not an address and a port: use ${WHERE}`);
}

/** Parses an address, but none of multicast. @throws CallError EINVAL; names are not resolved. */
export function addressOf(text: string): Address {
  const address = parseAddress(unbracketed(text));
  if (address?.isMulticast) throw invalid(`${address} is a multicast address, which this stack does not support`);
  if (address !== null) return address;
  if (isName(text)) {
    const advice =
      text === "localhost"
        ? 'use "127.0.0.1" or "::1"'
        : "use an IP address; stack.resolve(name) finds those of a name";
    throw invalid(`${shown(text)} is a name, and this call does not resolve names: ${advice}`);
  }
  throw invalid(`${shown(text)} ${addressReason(text)}: use ${addressHint(text)}`);
}

/** Parses "10.0.0.7/24", or an address alone as the prefix of one host. @throws CallError EINVAL. */
export function prefixOf(text: string): Prefix {
  if (!text.includes("/")) {
    const address = addressOf(text);
    return new Prefix(address, address.family === 4 ? 32 : 128);
  }
  const prefix = parsePrefix(text);
  if ("reason" in prefix) throw invalid(`${prefix.reason}: use ${prefix.hint}`);
  return prefix;
}

/** URLs put IPv6 addresses in brackets. */
function unbracketed(text: string): string {
  return text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
}

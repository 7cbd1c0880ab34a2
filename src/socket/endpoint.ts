import { type Address, parseAddress } from "#ip/address";
import { addressHint, addressReason, Prefix, parsePrefix } from "#ip/prefix";
import { CallError } from "#stack/call-error";
import type { Endpoint } from "./types.ts";

/** `10.0.1.5:7000`, `[fd00::5]:7000`. */
export function endpointText({ hostname, port }: Endpoint): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

export function endpointOf(address: Address, port: number): Endpoint {
  return { hostname: address.toString(), port };
}

/** The address that a text is. @throws CallError EINVAL where it is none: names are not resolved here. */
export function addressOf(text: string): Address {
  const address = parseAddress(unbracketed(text));
  if (address !== null) return address;
  if (/^[a-z_][a-z0-9_.-]*$/i.test(text)) {
    throw new CallError("EINVAL", `"${text}" is a name: this stack does not resolve names, say an IP address`);
  }
  throw new CallError("EINVAL", `"${text}" ${addressReason(text)}: say ${addressHint(text)}`);
}

/** "10.0.0.7/24", or an address alone, which is a prefix of one host. @throws CallError EINVAL. */
export function prefixOf(text: string): Prefix {
  if (!text.includes("/")) {
    const address = addressOf(text);
    return new Prefix(address, address.family === 4 ? 32 : 128);
  }
  const prefix = parsePrefix(text);
  if ("reason" in prefix) throw new CallError("EINVAL", `${prefix.reason}: say ${prefix.hint}`);
  return prefix;
}

/** URLs put IPv6 addresses in brackets. */
function unbracketed(text: string): string {
  return text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
}

import { parseAddress } from "#ip/address";

/** 4 or 6 for an IP address of that version, 0 for anything else. An IPv6 address may have a zone: "fe80::1%eth0". */
export function isIP(input: unknown): 0 | 4 | 6 {
  if (isIPv4(input)) return 4;
  return isIPv6(input) ? 6 : 0;
}

/** Four decimal octets without leading zeros: "10.0.0.7". */
export function isIPv4(input: unknown): boolean {
  const text = String(input);
  return !text.includes(":") && parseAddress(text) !== null;
}

/** "fd00::7", "::ffff:10.0.0.7", "fe80::1%eth0". */
export function isIPv6(input: unknown): boolean {
  const text = String(input);
  const zone = text.indexOf("%");
  if (zone < 0) return text.includes(":") && parseAddress(text) !== null;
  return /^[0-9a-zA-Z.:-]+$/.test(text.slice(zone + 1)) && isIPv6(text.slice(0, zone));
}

/** "IPv4" or "IPv6", as Node calls them. */
export function familyOf(address: string): "IPv4" | "IPv6" {
  return address.includes(":") ? "IPv6" : "IPv4";
}

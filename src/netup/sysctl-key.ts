import { isDeviceName } from "./options.ts";

/** The last words of the keys that netup sets or sees the kernel set, by the family's word. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  ipv4: ["forwarding", "accept_redirects"],
  ipv6: ["forwarding", "force_forwarding", "accept_ra"],
};

/**
 * Whether a sysctl key in slash form is one that netup may write: net/ipv4/ip_forward, or a setting of one interface. The
 * key becomes a path, so it is checked word by word.
 */
export function isSysctlKey(key: string): boolean {
  if (key === "net/ipv4/ip_forward") return true;
  const words = key.split("/");
  const [net, family, conf, name, leaf] = words as [string, string, string, string, string];
  if (words.length !== 5 || net !== "net" || conf !== "conf" || !Object.hasOwn(LEAVES, family)) return false;
  return LEAVES[family]!.includes(leaf) && isDeviceName(name);
}

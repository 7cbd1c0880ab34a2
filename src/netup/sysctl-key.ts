import { isDeviceName } from "./options.ts";

/** The last part of the keys that netup or the kernel changes, by family. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  ipv4: ["forwarding", "accept_redirects"],
  ipv6: ["forwarding", "force_forwarding", "accept_ra"],
};

/**
 * Whether netup may write a sysctl key in slash form: net/ipv4/ip_forward, or a setting of one interface. The key becomes a
 * path, so each part is checked.
 */
export function isSysctlKey(key: string): boolean {
  if (key === "net/ipv4/ip_forward") return true;
  const words = key.split("/");
  const [net, family, conf, name, leaf] = words as [string, string, string, string, string];
  if (words.length !== 5 || net !== "net" || conf !== "conf" || !Object.hasOwn(LEAVES, family)) return false;
  return LEAVES[family]!.includes(leaf) && isDeviceName(name);
}

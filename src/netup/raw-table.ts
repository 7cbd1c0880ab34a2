import type { System } from "./run.ts";
import { isOurs, readFilter, type XtRule } from "./xtables.ts";

/** Used to turn off connection tracking if nft is missing. */
export const RAW_BINARY = "iptables";

/** Our rules in the raw table. A missing legacy table is not listed: that would create it. */
export function rawRules(system: System): XtRule[] {
  const legacy = system.run([RAW_BINARY, "-V"]).out.includes("legacy");
  const tables = (system.read("/proc/net/ip_tables_names") ?? "").split("\n");
  if (system.which(RAW_BINARY) === null || (legacy && !tables.includes("raw"))) return [];
  const said = system.run([RAW_BINARY, "-w", "5", "-t", "raw", "-v", "-S"]);
  return (readFilter(RAW_BINARY, legacy ? "legacy" : "nft", 4, said)?.rules ?? []).filter(isOurs);
}

import type { System } from "./run.ts";
import { isOurs, readFilter, type XtRule } from "./xtables.ts";

/** Where nft is missing the untracking is in the raw table of this. */
export const RAW_BINARY = "iptables";

/** Our rules in the raw table. A legacy table that does not exist is not asked for: that would create it. */
export function rawRules(system: System): XtRule[] {
  const legacy = system.run([RAW_BINARY, "-V"]).out.includes("legacy");
  const tables = (system.read("/proc/net/ip_tables_names") ?? "").split("\n");
  if (system.which(RAW_BINARY) === null || (legacy && !tables.includes("raw"))) return [];
  const said = system.run([RAW_BINARY, "-w", "5", "-t", "raw", "-v", "-S"]);
  return (readFilter(RAW_BINARY, legacy ? "legacy" : "nft", 4, said)?.rules ?? []).filter(isOurs);
}

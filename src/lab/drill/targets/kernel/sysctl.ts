import { readFileSync, writeFileSync } from "node:fs";

/**
 * The sysctls of this network namespace. A new namespace takes some of them from the machine, others from the kernel's defaults. Scripts
 * expect the defaults, and a receive buffer that makes the window scale 8.
 */
const LINUX: Readonly<Record<string, string>> = {
  "net.ipv4.tcp_rmem": "4096 131072 15728640",
  "net.ipv4.tcp_wmem": "4096 16384 4194304",
  "net.ipv4.tcp_timestamps": "1",
  "net.ipv4.tcp_sack": "1",
  "net.ipv4.tcp_dsack": "1",
  "net.ipv4.tcp_window_scaling": "1",
  "net.ipv4.tcp_ecn": "2",
  "net.ipv4.tcp_early_retrans": "3",
  "net.ipv4.tcp_recovery": "1",
  "net.ipv4.tcp_slow_start_after_idle": "1",
  "net.ipv4.tcp_syn_retries": "6",
  "net.ipv4.tcp_synack_retries": "5",
  "net.ipv4.tcp_fastopen": "1",
  "net.ipv4.ip_no_pmtu_disc": "0",
  "net.ipv4.tcp_mtu_probing": "0",
};

/** Sets the sysctls that differ from Linux's defaults. */
export function setDefaults(): void {
  for (const [name, value] of Object.entries(LINUX)) {
    const now = readSysctl(name);
    if (now !== undefined && now !== value) writeSysctl(name, value);
  }
}

/** The value, with single blanks between its words; undefined if this kernel has no such sysctl. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(path(name), "utf8").trim().replace(/\s+/g, " ");
  } catch {
    return undefined;
  }
}

/** False: no such sysctl, or an invalid value. */
export function writeSysctl(name: string, value: string): boolean {
  try {
    writeFileSync(path(name), value);
    return true;
  } catch {
    return false;
  }
}

/** The names come from scripts: only network sysctls are allowed, and no path may leave their folder. */
function path(name: string): string {
  if (!/^net(\.[\w-]+)+$/.test(name)) throw new Error(`not a network setting: ${name}`);
  return `/proc/sys/${name.replaceAll(".", "/")}`;
}

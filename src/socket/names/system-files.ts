/** What this machine's files say of names: /etc/hosts and /etc/resolv.conf. Where a runtime has no files (a browser), nothing. */
import { parseAddress } from "#ip/address";

/** Octets of a file that are read; the rest is ignored. */
const FILE_MAX = 1 << 20;

/** MAXNS of resolv.conf(5). */
const SERVERS_MAX = 3;

/** The second has the servers behind the local stub of systemd-resolved, which this stack could not reach. */
const RESOLV_CONF = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/** The addresses of a name in a hosts(5) file, in its order. @param name in lower case */
export function hostsAddresses(text: string, name: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const [address, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (!names.some((each) => each.toLowerCase() === name)) continue;
    const parsed = parseAddress(address!);
    if (parsed !== null) found.push(parsed.toString());
  }
  return found;
}

/** The first three name servers of a resolv.conf(5) that are not loopback addresses. `search` and `options` are not used. */
export function nameServers(text: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    const parsed = address === undefined ? null : parseAddress(address);
    if (parsed?.isUnicast) found.push(parsed.toString());
  }
  return found.slice(0, SERVERS_MAX);
}

export function systemHosts(name: string): string[] {
  return hostsAddresses(textOf("/etc/hosts"), name);
}

export function systemServers(): string[] {
  for (const path of RESOLV_CONF) {
    const servers = nameServers(textOf(path));
    if (servers.length > 0) return servers;
  }
  return [];
}

/** Not imported: a browser's bundle must not name `node:fs`. */
function textOf(path: string): string {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const fs = process?.getBuiltinModule?.("node:fs") as typeof import("node:fs") | undefined;
  if (fs === undefined) return "";
  try {
    const file = fs.openSync(path, "r");
    try {
      const bytes = new Uint8Array(FILE_MAX);
      return new TextDecoder().decode(bytes.subarray(0, fs.readSync(file, bytes, 0, FILE_MAX, 0)));
    } finally {
      fs.closeSync(file);
    }
  } catch {
    return "";
  }
}

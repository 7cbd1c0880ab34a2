/** This machine's resolvers, and the /etc/resolv.conf that the command sees instead. */
import { readFileSync } from "node:fs";
import { addressOf } from "#socket/endpoint";
import type { Endpoint } from "#socket/types";
import { usageError } from "../cli-error.ts";
import { RESOLVERS } from "./network.ts";

const PORT = 53;

/** resolv.conf(5): the servers, and the lines about searching and options. */
export interface ResolverSettings {
  readonly servers: readonly Endpoint[];
  readonly other: readonly string[];
}

export function readResolvConf(text: string): ResolverSettings {
  const lines = text.split("\n").map((line) => line.trim());
  const servers = lines
    .map((line) => /^nameserver\s+(\S+)/.exec(line)?.[1])
    .filter((server) => server !== undefined)
    .slice(0, RESOLVERS.length)
    .map((hostname) => ({ hostname, port: PORT }));
  const other = lines.filter((line) => /^(search|domain|options|sortlist)\s/.test(line));
  // Without servers, the C library asks this machine.
  return { servers: servers.length > 0 ? servers : [{ hostname: "127.0.0.1", port: PORT }], other };
}

/** This machine's settings; with --dns, other servers: "9.9.9.9", "10.1.1.1:5353", "[fd00::1]:53", several with commas. Throws CliError. */
export function resolverSettings(dns: string | undefined): ResolverSettings {
  let text = "";
  try {
    text = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    // There is none.
  }
  const settings = readResolvConf(text);
  if (dns === undefined) return settings;
  const servers = dns.split(",").map((word) => serverOf(word.trim()));
  if (servers.length <= RESOLVERS.length) return { ...settings, servers };
  throw usageError(`--dns has ${servers.length} servers`, "", `give at most ${RESOLVERS.length}`);
}

function serverOf(word: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(word);
  const hostname = match?.[1] ?? match?.[2] ?? word;
  const port = Number(match?.[3] ?? PORT);
  try {
    const address = addressOf(hostname);
    if (port >= 1 && port <= 65_535) return { hostname: `${address}`, port };
  } catch {
    // Not an address.
  }
  throw usageError(`--dns ${word} is not the address of a server`, "", "for example --dns 9.9.9.9, or 127.0.0.1:5353");
}

/** The file that the command sees. */
export function resolvConfFor({ servers, other }: ResolverSettings): string {
  const lines = servers.map((_, i) => `nameserver ${RESOLVERS[i]}`);
  return [...lines, ...other, ""].join("\n");
}

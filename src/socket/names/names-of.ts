/** Which resolver a stack has, by its options. */
import { Prng } from "#base/prng";
import { parseAddress } from "#ip/address";
import { checkObject, invalid, type Kind, shown, whole } from "../checks.ts";
import { microseconds } from "../options.ts";
import type { CreateStackOptions, DnsOptions } from "../stack-types.ts";
import type { Endpoint } from "../types.ts";
import { DNS_ATTEMPTS, DNS_TIMEOUT, DnsClient, type DnsContext, type DnsSettings } from "./dns-client.ts";
import { Names } from "./names.ts";
import { systemHosts, systemServers } from "./system-files.ts";

const DNS = {
  servers: "a text or an array of texts",
  timeout: "a number",
  attempts: "a number",
  hosts: "true or false",
} satisfies Record<keyof DnsOptions, Kind>;

/** RFC 1035 §4.2. */
const DNS_PORT = 53;
const SERVERS_MAX = 8;
const ATTEMPTS_MAX = 10;

/** Separates these random numbers from others of the same seed. */
const SEED_LABEL = 0x646e7300;

/**
 * By default a stack on a device asks the servers of this machine if it has a way out, which a `kernelAddress` shows: the kernel is its
 * router then. A stack whose randomness comes from a seed asks nobody unless it is told whom: its runs must not depend on files.
 * @throws CallError EINVAL.
 */
export function namesOf(options: CreateStackOptions): (net: DnsContext) => Names {
  const { resolve = null, seed } = options;
  const dns = dnsOf(options);
  const hosts = dns?.hosts ? systemHosts : null;
  return (net) => {
    const has = (family: number) => net.engine.local.own.some((address) => address.family === family);
    const client = dns === null ? null : new DnsClient(net, dns, randomOf(seed));
    return new Names({ four: has(4), six: has(6), resolve, hosts, dns: client });
  };
}

function dnsOf(options: CreateStackOptions): (DnsSettings & { readonly hosts: boolean }) | null {
  const { resolve, dns, seed } = options;
  const onDevice = "device" in options && options.device !== undefined;
  const byDefault = onDevice && options.kernelAddress !== undefined && seed === undefined && resolve === undefined;
  if (dns === false || (dns === undefined && !byDefault)) return null;
  const { servers, timeout, attempts = DNS_ATTEMPTS, hosts = onDevice && seed === undefined } = checked(dns ?? {});
  if (servers === undefined && !onDevice)
    throw invalid('dns needs servers on this host: dns: { servers: ["10.0.0.1"] }');
  return {
    servers: servers === undefined ? ofSystem : listed(servers),
    timeout: timeout === undefined ? DNS_TIMEOUT : microseconds("dns.timeout", timeout),
    attempts: whole("dns.attempts", attempts, 1, ATTEMPTS_MAX),
    hosts,
  };
}

function checked(dns: unknown): DnsOptions {
  checkObject("dns", dns, DNS, '{ servers: ["10.0.0.1"] }');
  return dns as DnsOptions;
}

function ofSystem(): Endpoint[] {
  return systemServers().map((hostname) => ({ hostname, port: DNS_PORT }));
}

function listed(servers: string | readonly string[]): () => readonly Endpoint[] {
  const texts = typeof servers === "string" ? [servers] : servers;
  if (texts.length < 1 || texts.length > SERVERS_MAX) {
    throw invalid(`dns.servers must have 1 to ${SERVERS_MAX} addresses, not ${texts.length}`);
  }
  const all = texts.map(serverOf);
  return () => all;
}

/** "10.0.0.1", "10.0.0.1:53", "fd00::1", "[fd00::1]:53". */
function serverOf(text: string): Endpoint {
  const [, six, four, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = parseAddress(six ?? four ?? text);
  if (address === null || !(address.isUnicast || address.isLoopback)) {
    throw invalid(`${shown(text)} is not the address of a DNS server: use one such as "10.0.0.1" or "[fd00::1]:53"`);
  }
  return {
    hostname: address.toString(),
    port: port === undefined ? DNS_PORT : whole("the port of a DNS server", Number(port), 1, 65_535),
  };
}

function randomOf(seed: number | undefined): () => number {
  if (seed === undefined) return () => crypto.getRandomValues(new Int32Array(1))[0]!;
  const prng = new Prng(seed ^ SEED_LABEL);
  return () => prng.int32();
}

/** /etc/hosts and /etc/resolv.conf as this machine's files have them, and a stack that asks them by default. */
import { describe, expect, test } from "bun:test";
import { pair } from "#device/pair";
import { createStack } from "#socket/create-stack";
import { hostsAddresses, nameServers, systemHosts } from "#socket/names/system-files";
import { rejection } from "../world.ts";

test("hosts(5): all lines of a name, aliases as well, in any case; comments and what is no address are left out", () => {
  const text = `
# 10.0.0.1 commented
127.0.0.1\tlocalhost
10.0.0.7 host.example Host web # web2
fd00::7   host
fe80::1%eth0 host
nonsense host
10.0.0.8 hostile
10.0.0.9`;
  expect(hostsAddresses(text, "host")).toEqual(["10.0.0.7", "fd00::7"]);
  expect(hostsAddresses(text, "web")).toEqual(["10.0.0.7"]);
  for (const none of ["web2", "commented", "", "hos"]) expect(hostsAddresses(text, none)).toEqual([]);
});

test("resolv.conf(5): the first three servers that the stack could reach", () => {
  const text = `
search example.org
nameserver 127.0.0.53
 nameserver 10.0.0.1
nameserver fd00::1
#nameserver 10.0.0.2
nameserver ns.example
nameserver 10.0.0.3
nameserver 10.0.0.4`;
  expect(nameServers(text)).toEqual(["10.0.0.1", "fd00::1", "10.0.0.3"]);
  expect(nameServers("")).toEqual([]);
});

describe("which stacks resolve names by default", () => {
  const device = () => pair()[0];
  const address = "10.99.0.7/24";
  const kernelAddress = "10.99.0.1";
  const words = async (options: object): Promise<string> => {
    const stack = await createStack({ device: device(), address, ...options });
    try {
      return (await rejection(stack.resolve("name.invalid", { signal: AbortSignal.timeout(100) })))?.message as string;
    } finally {
      await stack.close();
    }
  };

  test("with a kernel next to it; not without one, with a seed, or if it shall not", async () => {
    // Somebody is asked in vain, or this machine names no server.
    expect(await words({ kernelAddress })).toMatch(/timed out|names no DNS server/);
    for (const options of [{}, { kernelAddress, seed: 1 }, { kernelAddress, dns: false }]) {
      expect(await words(options)).toContain("this stack does not resolve names");
    }
  });

  test("/etc/hosts is asked first", async () => {
    const [line] = (await Bun.file("/etc/hosts").text()).split("\n").flatMap((each) => {
      const [at, name] = each.replace(/#.*/, "").trim().split(/\s+/);
      return at?.includes(".") && name !== undefined && name !== "localhost" && !name.endsWith(".localhost")
        ? [{ at, name: name.toLowerCase() }]
        : [];
    });
    const name = line?.name ?? "localhost";
    expect(systemHosts(name)).toContain(line?.at ?? "127.0.0.1");
    const stack = await createStack({ device: device(), address, dns: { servers: "10.99.0.1" } });
    expect(await stack.resolve(name)).toContain(line?.at ?? "127.0.0.1");
    await stack.close();
  });
});

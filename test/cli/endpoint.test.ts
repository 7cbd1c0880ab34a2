import { expect, test } from "bun:test";
import fc from "fast-check";
import { CliError } from "#cli/cli-error";
import { defaultLocal, type EndpointWords, endpoint, type Role } from "#cli/endpoint";
import type { Address } from "#ip/address";
import { Prefix, parsePrefix } from "#ip/prefix";

/** The machine's other addresses. */
const machine = (address: Address) => (address.toString() === "10.0.1.1" ? "tun1" : undefined);

function read(role: Role, cidr: string, remote: string, more: Partial<EndpointWords> = {}): string {
  const e = endpoint(role, { tun: "tun0", cidr, remote, ...more }, machine);
  return `${e.local} ↔ ${e.remote ?? "anybody"}${e.toKernel ? " (kernel)" : ""}`;
}

function said(role: Role, cidr: string, remote: string, more: Partial<EndpointWords> = {}): string {
  try {
    return read(role, cidr, remote, more);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    expect(error.exitCode).toBe(2);
    return [error.what, error.why, error.fix].filter((text) => text !== "").join(" | ");
  }
}

test("the two lines of the README meet", () => {
  expect(read("host", "10.0.0.1/24", "10.0.1.5")).toBe("10.0.0.7 ↔ 10.0.1.5");
  expect(read("peer", "10.0.1.1/24", "10.0.0.7")).toBe("10.0.1.5 ↔ 10.0.0.7");
  expect(read("host", "fd00:a::1/64", "fd00:b::5")).toBe("fd00:a::7 ↔ fd00:b::5");
  expect(read("peer", "fd00:b::1/64", "fd00:a::7")).toBe("fd00:b::5 ↔ fd00:a::7");
});

test("a remote inside the host's own prefix is the stack's own address, and everybody is let in", () => {
  expect(read("host", "10.0.0.1/24", "10.0.0.9")).toBe("10.0.0.9 ↔ anybody");
  expect(read("host", "10.0.0.1/24", "10.0.1.5", { any: true })).toBe("10.0.0.7 ↔ anybody");
});

test("--local goes before the rule, and --kernel allows the kernel as the other side", () => {
  expect(read("host", "10.0.0.1/24", "10.0.1.5", { local: "10.0.0.99" })).toBe("10.0.0.99 ↔ 10.0.1.5");
  expect(read("peer", "10.0.0.1/24", "10.0.0.1", { kernel: true })).toBe("10.0.0.5 ↔ 10.0.0.1 (kernel)");
  expect(read("host", "10.0.0.1/24", "10.0.0.1", { kernel: true })).toBe("10.0.0.7 ↔ 10.0.0.1 (kernel)");
});

test("each mistake is told as what it is", () => {
  expect(said("peer", "10.0.0.1/24", "10.0.0.1")).toMatch(
    /^10\.0\.0\.1 is the kernel's own address on tun0, .*kernel itself would answer.*10\.0\.0\.7.*--kernel/,
  );
  expect(said("host", "10.0.0.1/24", "10.0.1.1")).toMatch(
    /^10\.0\.1\.1 is the kernel's own address on tun1.*10\.0\.1\.5/,
  );
  expect(said("peer", "10.0.1.1/24", "10.0.1.9", {})).toMatch(/is in this side's own subnet, 10\.0\.1\.0\/24/);
  expect(said("host", "10.0.0.1", "10.0.1.5")).toMatch(/has no prefix length.*10\.0\.0\.1\/24/);
  expect(said("host", "10.0.0.1/33", "10.0.1.5")).toMatch(/go up to \/32/);
  expect(said("host", "010.0.0.1/24", "10.0.1.5")).toMatch(/leading zero/);
  expect(said("host", "10.0.0.0/24", "10.0.1.5")).toMatch(/first or the last.*10\.0\.0\.1\/24/);
  expect(said("host", "10.0.0.1/31", "10.0.1.5")).toMatch(/no room for the stack/);
  expect(said("host", "10.0.0.1/24", "10.0.1.5/24")).toMatch(/has a prefix length/);
  expect(said("host", "10.0.0.1/24", "10.0.1")).toMatch(/short form/);
  expect(said("host", "10.0.0.1/24", "224.0.0.1")).toMatch(/not the address of another host/);
  expect(said("host", "10.0.0.1/24", "fd00:b::5")).toMatch(/different IP versions/);
  expect(said("host", "10.0.0.1/24", "10.0.1.5", { local: "10.0.0.1" })).toMatch(
    /kernel's own address.*--local 10\.0\.0\.7/,
  );
  expect(said("host", "10.0.0.1/24", "10.0.1.5", { local: "10.0.5.5" })).toMatch(/is not in 10\.0\.0\.0\/24/);
  expect(said("peer", "10.0.1.1/24", "10.0.0.7", { kernel: true })).toMatch(
    /^10\.0\.0\.7 is not an address of this machine.*use 10\.0\.1\.1/,
  );
  expect(said("peer", "10.0.1.1/24", "10.0.0.7:80")).toMatch(/has a port.*10\.0\.0\.7 --port 80$/);
  expect(said("peer", "10.0.1.1/24", "[fd00::7]:80")).toMatch(/has a port.*fd00::7 --port 80$/);
  expect(said("peer", "10.0.1.1/24", "10.0.0.7", { local: "10.0.1.1" })).toMatch(/--local 10\.0\.1\.5/);
  expect(said("peer", "10.0.1.1/24", "10.0.0.7", { local: "10.0.1.255" })).toMatch(/first or the last address/);
  for (const cidr of ["10.0.0.1/0", "10.0.0.1/7", "127.0.0.1/8", "224.0.0.1/24", "0.0.0.1/8", "::1/64", "ff02::1/64"]) {
    expect(said("host", cidr, cidr.includes(":") ? "fd00::5" : "10.0.1.5")).toMatch(/too large|not a host address/);
  }
  expect(said("host", "10.0.0.1/24", "10.0.0.9", { local: "10.0.0.8" })).toMatch(/both name the stack's own address/);
});

test("the stack's own address is usable and never the kernel's, in every prefix with room for two", () => {
  const cidr = fc.tuple(
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 16, max: 30 }),
    fc.constantFrom<Role>("host", "peer"),
  );
  fc.assert(
    fc.property(cidr, ([low, bits, role]) => {
      const prefix = parsePrefix(`10.7.${low >> 8}.${low & 255}/${bits}`);
      if (!(prefix instanceof Prefix) || !prefix.isUsable(prefix.address)) return;
      const local = defaultLocal(prefix, role);
      expect(prefix.isUsable(local)).toBe(true);
      expect(local.equals(prefix.address)).toBe(false);
    }),
    { seed: 4, numRuns: 500 },
  );
});

test("any words at all are an endpoint or a CliError", () => {
  const word = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom("10.0.0.1/24", "fd00:a::1/64", "", "/", "::/0"),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(word, word, fc.constantFrom<Role>("host", "peer"), (cidr, remote, role) => {
      said(role, cidr, remote);
    }),
    { seed: 5, numRuns: 500 },
  );
});

test("what is to be typed begins with the program's name, as it was called", () => {
  for (const text of [
    said("host", "10.0.0.1/24", "fd00:b::5"),
    said("peer", "10.0.1.1/24", "10.0.1.9"),
    said("host", "10.0.0.1/24", "10.0.0.9", { local: "10.0.0.8" }),
  ]) {
    expect(text).toMatch(/for example: \S*tcpnet\S* (?:host|peer) tun0 10\./);
  }
});

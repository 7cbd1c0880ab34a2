import { expect, test } from "bun:test";
import { acceptSpec, filterOwner, hasRule, isOurs, readFilter, trustChain } from "#netup/xtables";

const read = (...lines: string[]) => readFilter("iptables-nft", "nft", 4, { code: 0, out: lines.join("\n"), err: "" })!;

test("the output of -v -S is parsed: policies, chains, rules and their counters", () => {
  const filter = read(
    "-P INPUT ACCEPT -c 0 0",
    "-P FORWARD DROP -c 12 720",
    "-N DOCKER-USER",
    "-A FORWARD -c 5 300 -j DOCKER-USER",
    "-A FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -c 2 80 -j ACCEPT",
    "",
  );
  expect(filter.policies).toEqual({ INPUT: "ACCEPT", FORWARD: "DROP" });
  expect(filter.chains).toEqual(["INPUT", "FORWARD", "DOCKER-USER"]);
  expect(filter.rules).toEqual([
    { chain: "FORWARD", spec: "-j DOCKER-USER", packets: 5, bytes: 300 },
    { chain: "FORWARD", spec: "-i tun0 -o tun1 -m comment --comment tcpnet -j ACCEPT", packets: 2, bytes: 80 },
  ]);
  expect(hasRule(filter, "FORWARD", acceptSpec("tun0", "tun1"))).toBe(true);
  expect(hasRule(filter, "FORWARD", acceptSpec("tun1", "tun0"))).toBe(false);
  expect(hasRule(filter, "DOCKER-USER", acceptSpec("tun0", "tun1"))).toBe(false);
});

test("a binary that prints nothing has no table", () => {
  expect(readFilter("iptables", "legacy", 4, { code: 3, out: "", err: "Table does not exist" })).toBeNull();
});

test("only a rule with exactly our comment is ours", () => {
  const ours = (spec: string) => isOurs({ chain: "FORWARD", spec, packets: 0, bytes: 0 });
  expect(ours("-i a -o b -m comment --comment tcpnet -j ACCEPT")).toBe(true);
  expect(ours('-i a -m comment --comment "tcpnet" -j ACCEPT')).toBe(true);
  expect(ours('-i a -m comment --comment "not tcpnet" -j ACCEPT')).toBe(false);
  expect(ours("-i tcpnet0 -m comment --comment tcpnet0 -j ACCEPT")).toBe(false);
  expect(ours("-i tcpnet -j ACCEPT")).toBe(false);
});

test("the rule goes to the head of FORWARD if that may drop, and to DOCKER-USER only if FORWARD jumps there first", () => {
  expect(trustChain(read("-P FORWARD ACCEPT"))).toBeNull();
  expect(trustChain(read("-P FORWARD DROP"))).toBe("FORWARD");
  expect(trustChain(read("-P FORWARD ACCEPT", "-A FORWARD -j REJECT"))).toBe("FORWARD");
  expect(trustChain(read("-P FORWARD DROP", "-N DOCKER-USER"))).toBe("FORWARD");
  expect(trustChain(read("-P FORWARD DROP", "-A FORWARD -j DOCKER-USER", "-A FORWARD -j X"))).toBe("DOCKER-USER");
  expect(trustChain(read("-P FORWARD DROP", "-A FORWARD -j X", "-A FORWARD -j DOCKER-USER"))).toBe("FORWARD");
  expect(trustChain(read("-P FORWARD DROP", "-A FORWARD -i eth0 -j DOCKER-USER"))).toBe("FORWARD");
});

test("our own rules do not change the choice of the chain", () => {
  const ours = "-A FORWARD -i tun0 -o tun1 -m comment --comment tcpnet -j ACCEPT";
  expect(trustChain(read("-P FORWARD ACCEPT", ours))).toBeNull();
  expect(trustChain(read("-P FORWARD DROP", ours, "-A FORWARD -j DOCKER-USER"))).toBe("DOCKER-USER");
});

test("the owner of a table is recognized by its chains", () => {
  expect(filterOwner(read("-P FORWARD DROP"))).toBe("iptables-nft");
  expect(filterOwner(read("-P FORWARD DROP", "-N ufw-before-forward"))).toBe("ufw (iptables-nft)");
  expect(filterOwner(read("-P FORWARD DROP", "-N DOCKER-USER"))).toBe("Docker (iptables-nft)");
});

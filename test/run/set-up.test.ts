import { expect, test } from "bun:test";
import { lacks, packagesOf, toolsIn, withSbin } from "../support/tools.ts";
import { planFor } from "./set-up.ts";

const DEBIAN_ROOT = { root: true, aptGet: true };

test("where nothing is missing, nothing is done", () => {
  expect(planFor([], DEBIAN_ROOT, true)).toEqual({ do: "nothing" });
});

test("root with apt-get installs what is missing, unless told not to", () => {
  expect(planFor(["tshark", "socat"], DEBIAN_ROOT, true)).toEqual({ do: "install", packages: ["tshark", "socat"] });
  const line = /type\n {2}apt-get install --no-install-recommends tshark socat$/;
  expect(planFor(["tshark", "socat"], DEBIAN_ROOT, false)).toEqual({ do: "skip", words: expect.stringMatching(line) });
});

test("without root the line to type has sudo, without apt-get it names the packages", () => {
  const user = planFor(["socat"], { root: false, aptGet: true }, true);
  expect(user).toEqual({ do: "skip", words: expect.stringMatching(/sudo apt-get install \S+ socat$/) });
  const fedora = planFor(["socat"], { root: true, aptGet: false }, true);
  expect(fedora).toEqual({ do: "skip", words: expect.stringMatching(/no Debian.*socat$/) });
});

test("a test that lacks a program is told its package", () => {
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    expect(lacks(["socat"])).toMatch(/^$|^socat not installed \(apt-get install \S+ socat\)$/);
  } finally {
    process.env.PATH = path;
  }
  expect(lacks([])).toBe("");
});

test("the programs that a command starts are found, in shell lines as well", () => {
  expect(toolsIn(["ping", "-c1", "10.0.0.7"])).toEqual(["ping"]);
  expect(toolsIn(["cat", "nc"])).toEqual([]);
  expect(toolsIn(["sh", "-c", "echo nc | exec nc -N 10.0.0.7 7000; { ip link; }"])).toEqual(["nc", "ip"]);
  expect(toolsIn(["sh", "-c", "echo tcpdump > ping"])).toEqual([]);
});

test("packages are named once, and administrators' folders are added once", () => {
  expect(packagesOf(["ip", "ss", "nft"])).toEqual(["iproute2", "nftables"]);
  expect(withSbin(withSbin("/bin"))).toBe("/bin:/usr/local/sbin:/usr/sbin:/sbin");
});

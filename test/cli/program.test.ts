import { expect, test } from "bun:test";
import { asTyped, forUser, programName } from "#cli/program";

test("a line to copy names the program as it is called here", () => {
  expect(asTyped("for example: sudo tcpnet netup --dry-run")).toBe(`for example: sudo ${programName} netup --dry-run`);
  expect(asTyped("see: tcpnet --help")).toBe(`see: ${programName} --help`);
  expect(asTyped("say tcpnet.json")).toBe("say tcpnet.json");
});

test("root by himself is told no sudo, which he may not have; everybody else is", () => {
  const hint = "sudo ./tcpnet netdown, then netup again; sudo nft list ruleset";
  expect(forUser(hint, true)).toBe("./tcpnet netdown, then netup again; nft list ruleset");
  expect(forUser(hint, false)).toBe(hint);
  // Where it is spoken of, it stays.
  const spoken = "run it as root: sudo, or --cap-add NET_ADMIN; the same with sudo";
  expect(forUser(spoken, true)).toBe(spoken);
});

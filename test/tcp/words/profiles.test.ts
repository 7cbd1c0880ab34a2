/** Profiles: sets of parameters that make a stack behave like one in use. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_PARAMS } from "#tcp/words/params";
import { PROFILE_NAMES, PROFILES, RFC9293 } from "#tcp/words/profiles";
import { createStack, pair } from "../../../src/index.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

test("a profile names parameters that there are, and differs from the defaults", () => {
  for (const name of PROFILE_NAMES) {
    for (const key of Object.keys(PROFILES[name]))
      expect([name, key, key in DEFAULT_PARAMS]).toEqual([name, key, true]);
    expect([name, { ...DEFAULT_PARAMS, ...PROFILES[name] }]).not.toEqual([name, DEFAULT_PARAMS]);
  }
});

describe("a bare ACK of a FIN", () => {
  const acksAtOnce = (profile: (typeof PROFILE_NAMES)[number]) => {
    const b = TcpBench.at("ESTABLISHED", { params: PROFILES[profile] });
    b.in("P.", { n: 10 });
    b.run(1_000_000);
    b.out();
    b.in("F.");
    return b.lines().length === 1;
  };

  test("waits in Linux for what the user may answer, and goes at once by the RFC and in FreeBSD", () => {
    expect(PROFILE_NAMES.map((name) => [name, acksAtOnce(name)])).toEqual([
      ["linux", false],
      ["freebsd", true],
      ["rfc9293", true],
      ["rfc793", true],
    ]);
  });
});

test("an RST in the window ends a connection by RFC 793 alone; the others challenge it (RFC 5961)", () => {
  for (const name of PROFILE_NAMES) {
    const b = TcpBench.at("ESTABLISHED", { params: PROFILES[name] });
    b.in("R", { seq: 5000 });
    expect([name, b.state]).toEqual([name, name === "rfc793" ? "CLOSED" : "ESTABLISHED"]);
  }
});

test("createStack takes a profile by name; parameters go on top; a name that is none gets words", async () => {
  const [device, other] = pair();
  const stack = await createStack({ device, address: "10.0.0.7/24", profile: "rfc9293", params: { mss: 700 } });
  expect(RFC9293.pawsSlack).toBe(0);
  await stack.close();
  const wrong = createStack({ device: other, address: "10.0.0.8/24", profile: "rfc9239" as "rfc9293" });
  await expect(wrong).rejects.toThrow('there is no profile "rfc9239": did you mean "rfc9293"?');
});

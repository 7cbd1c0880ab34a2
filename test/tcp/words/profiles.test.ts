/** Profiles: sets of parameters that make a stack behave like one in use. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_PARAMS, DEFAULT_SETTINGS, withSettings } from "#tcp/words/params";
import { PROFILE_NAMES, PROFILES, RFC9293 } from "#tcp/words/profiles";
import { createStack, pair } from "../../../src/index.ts";
import { TcpBench } from "../../support/tcp-bench.ts";

test("a profile names parameters that there are, and differs from the defaults", () => {
  for (const name of PROFILE_NAMES) {
    for (const key of Object.keys(PROFILES[name]))
      expect([name, key, key in DEFAULT_PARAMS]).toEqual([name, key, true]);
    expect([name, withSettings(DEFAULT_PARAMS, PROFILES[name])]).not.toEqual([name, DEFAULT_PARAMS]);
  }
});

test("no two policies have a field of the same name, so that a setting's name says which one it belongs to", () => {
  const policies = Object.values(DEFAULT_PARAMS).filter((value) => typeof value === "object");
  const fields = policies.flatMap((policy) => Object.keys(policy));
  expect(policies.length).toBe(9);
  expect(new Set([...fields, ...Object.keys(DEFAULT_PARAMS)]).size).toBe(
    fields.length + Object.keys(DEFAULT_PARAMS).length,
  );
  expect(Object.keys(DEFAULT_SETTINGS).length).toBe(fields.length + Object.keys(DEFAULT_PARAMS).length - 9);
});

describe("settings", () => {
  test("connections that are given nothing share one object, and those that are given something the other policies", () => {
    const b = TcpBench.at("ESTABLISHED");
    expect(b.tcb.params).toBe(b.listener!.params);
    expect(b.stack.connect(b.tcb.remote, 7, {}, b.now).params).toBe(b.stack.params);
    const other = b.stack.connect(b.tcb.remote, 8, { params: { delayedAck: 7 } }, b.now).params;
    expect(other.acknowledging).toEqual({ ...b.stack.params.acknowledging, delayedAck: 7 });
    expect(other.opening).toBe(b.stack.params.opening);
  });

  test("a single field counts more than the policy that comes with it, whichever is named first", () => {
    const { acknowledging } = RFC9293;
    for (const given of [
      { acknowledging, quickAcks: 3 },
      { quickAcks: 3, acknowledging },
    ])
      expect(withSettings(DEFAULT_PARAMS, given).acknowledging).toEqual({ ...acknowledging, quickAcks: 3 });
  });
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
  expect(RFC9293.acceptance.pawsSlack).toBe(0);
  await stack.close();
  const wrong = createStack({ device: other, address: "10.0.0.8/24", profile: "rfc9239" as "rfc9293" });
  await expect(wrong).rejects.toThrow('there is no profile "rfc9239": did you mean "rfc9293"?');
});

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drill } from "#lab/drill/drill";
import type { Result } from "#lab/drill/interpreter/runner";
import type { Profile } from "#lab/drill/posix/target";
import { StackTarget } from "#lab/drill/targets/stack/target";

interface Told {
  readonly profile?: Profile;
  readonly options?: Readonly<Record<string, string>>;
  readonly only?: Profile;
}

function play(script: string, { profile, options = {}, only }: Told = {}, file = "/nowhere/t.pkt"): Result {
  return drill(script, file, {
    profile,
    ...(only === undefined ? {} : { only }),
    defines: new Map(),
    options: new Map(Object.entries(options)),
    strict: false,
    seed: 1,
    newTarget: (setup) => new StackTarget(setup),
  }).result;
}

const LISTEN = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>
`;
const FREEBSD = "#ifndef STANDARD\n0 close(9) = 0\n#endif\n";
const OPEN = `${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+.1 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
`;

describe("who a script is written for", () => {
  test("the head of the script names the profile, and the command line overrides it", () => {
    expect(play(`--profile=freebsd\n${FREEBSD}${LISTEN}`).status).toBe("ok");
    expect(play(`${FREEBSD}${LISTEN}`).status).toBe("fail");
    expect(play(`--profile=freebsd\n${FREEBSD}${LISTEN}`, { profile: "linux" }).status).toBe("fail");
    expect(play(`--profile=netbsd\n${LISTEN}`)).toMatchObject({
      status: "error",
      message: "expected --profile=linux, freebsd, rfc793",
    });
  });

  test("its folder or an outer one names the profile; the nearest takes precedence, and the script's own head over both", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tcpnet-drill-"));
    try {
      mkdirSync(join(folder, "inner"));
      await Bun.write(join(folder, "drill.options"), "// A comment.\n--profile=freebsd\n--mtu=1000\n");
      const inner = join(folder, "inner/t.pkt");
      expect(play(`${FREEBSD}${LISTEN}`, {}, inner).status).toBe("ok");
      expect(
        play(`${FREEBSD}${LISTEN}+0 > S. 0:0(0) ack 1 <mss 960,sackOK,wscale 1,nop,nop,nop>`, {}, inner).status,
      ).toBe("ok");
      expect(
        play(`--mtu=900\n${LISTEN}+0 > S. 0:0(0) ack 1 <mss 860,sackOK,wscale 1,nop,nop,nop>`, {}, inner).status,
      ).toBe("ok");
      await Bun.write(join(folder, "inner/drill.options"), "--profile=linux\n");
      expect(play(`${FREEBSD}${LISTEN}`, {}, inner).status).toBe("fail");
      expect(play(`--profile=freebsd\n${FREEBSD}${LISTEN}`, {}, inner).status).toBe("ok");
      await Bun.write(join(folder, "inner/drill.options"), "--profile=linux\nprofile\n");
      const wrong = play(LISTEN, {}, inner);
      expect([wrong.status, wrong.position?.file, wrong.position?.line]).toEqual([
        "error",
        join(folder, "inner/drill.options"),
        2,
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("the kernel of another system does not run it", () => {
    expect(play(`--profile=freebsd\n${LISTEN}`, { only: "linux" })).toMatchObject({
      status: "unsupported",
      message: "a script for freebsd, but the kernel is linux",
    });
  });
});

describe("--neutral", () => {
  const neutral = { options: { neutral: "" } };
  const cases: readonly [string, string][] = [
    [
      "the order and padding of a SYN's options",
      `${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1460,wscale 8,sackOK,nop,nop,nop>`,
    ],
    ["the value of the window scale", `${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 6>`],
    ["windows", `${LISTEN}+0 > S. 0:0(0) ack 1 win 5840 <mss 1460,nop,nop,sackOK,nop,wscale 8>`],
    ["PSH", `${OPEN}+0 write(4, ..., 2920) = 2920\n+0 > . 1:2921(2920) ack 1`],
  ];
  for (const [what, script] of cases)
    test(`${what} do not matter`, () => {
      expect(play(script).status).toBe("fail");
      expect(play(script, neutral).message).toBe("");
      expect(play(`--neutral\n${script}`).status).toBe("ok");
    });

  test("an answer may be one jiffy late, but not more", () => {
    const late = (next: string) => `${OPEN}+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n${next}`;
    // The probe for the tail of the flight: its very time, and then 12 and 16 ms from it.
    const probe = (time: string) => late(`${time} > P. 1:1001(1000) ack 1`);
    const told = { options: { neutral: "", tolerance_percent: "0" } };
    const actual = play(probe("*"), told).virtualUsecs - 100_000;
    const at = (usecs: number) => play(probe(`+${(usecs / 1e6).toFixed(6)}`), told).status;
    expect([at(actual), at(actual - 12_000), at(actual - 16_000), at(actual + 12_000)]).toEqual([
      "ok",
      "ok",
      "fail",
      "fail",
    ]);
  });

  test("anything else does: numbers, lengths, the set of options", () => {
    for (const wrong of [
      `${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,nop,nop>`,
      `${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1400,sackOK,wscale 8,nop,nop,nop>`,
      `${LISTEN}+0 > S. 0:0(0) ack 2 <mss 1460,sackOK,wscale 8,nop,nop,nop>`,
      `${OPEN}+0 write(4, ..., 2920) = 2920\n+0 > . 1:2920(2919) ack 1`,
    ])
      expect(play(wrong, neutral).status).toBe("fail");
  });
});

describe("while both sides close", () => {
  const closing = `--profile=freebsd
${LISTEN}+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 6,nop,nop,nop>
+.1 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
+0 close(4) = 0
+0 > F. 1:1(0) ack 1
+.1 < F. 1:1(0) ack 1 win 1000
`;
  test("the FIN may go with the ACK of the peer's, or not", () => {
    expect(play(`${closing}+0 > . 2:2(0) ack 2`).status).toBe("ok");
    expect(play(`${closing}+0 > F. 1:1(0) ack 2`).status).toBe("ok");
    expect(play(`${closing}+0 > F. 2:2(0) ack 2`).status).toBe("fail");
    expect(play(`${closing}+0 > . 1:1(0) ack 2`).status).toBe("fail");
    expect(play(`${closing}+0 > F. 1:1(0) ack 3`).status).toBe("fail");
  });

  test("only where the script is FreeBSD's, or neutral", () => {
    const linux = closing.replace("--profile=freebsd\n", "").replace("<mss 1460,sackOK,wscale 6,nop,nop,nop>", "<...>");
    expect(play(`${linux}+0 > F. 1:1(0) ack 2`).status).toBe("fail");
    expect(play(`--neutral\n${linux}+0 > F. 1:1(0) ack 2`).status).toBe("ok");
  });

  test("before the peer's FIN both must match exactly", () => {
    const open = closing.slice(0, closing.indexOf("+0 > F. 1:1"));
    expect(play(`${open}+0 > . 2:2(0) ack 1`).status).toBe("fail");
  });
});

test("--tolerance_usecs and --strict may stand at the head of a script", () => {
  expect(play(`--tolerance_usecs=50000\n${LISTEN}+.04 > S. 0:0(0) ack 1 <...>`).status).toBe("ok");
  expect(play(`${LISTEN}+.04 > S. 0:0(0) ack 1 <...>`).status).toBe("fail");
  expect(play(`--strict\n${LISTEN}+.1 < . 1:1(0) ack 1 win 9`).message).toContain("does not expect");
});

/**
 * The test command on a machine without the programs that tests use: this one in a box, with the programs taken away. The
 * whole walk of a newcomer, on a Debian that debootstrap has made, is `just newcomer`.
 */
import { expect } from "bun:test";
import { boxUnavailable, inBox } from "../support/box.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { TOOLS, withSbin } from "../support/tools.ts";

/** Debian never lacks these packages, and the box is made with them. */
const ESSENTIAL = new Set(["util-linux", "mount", "bsdutils"]);
const absent = Object.entries(TOOLS).flatMap(([tool, debian]) => (ESSENTIAL.has(debian) ? [] : [tool]));

/** Takes away the programs, and bun's name; an apt-get in place of the real one gives them back when it is to install. */
const BARE = `
set -e
take() {
  while path=$(command -v "$1"); do
    mkdir -p "/taken$(dirname "$path")"
    mv "$path" "/taken$path"
    hash -r
  done
}
for program in ${[...absent, "nc.openbsd", "bun", "just"].join(" ")}; do take "$program"; done
cat > /usr/local/sbin/apt-get <<'END'
#!/bin/sh
echo "$@" >> /run/apt-get.log
case "$*" in *" install "*) cp -a /taken/. / ;; esac
END
chmod 755 /usr/local/sbin/apt-get
cd ${ROOT}
`;

/** Two files: tests that need nothing else, and tests that need several programs. */
const RUN = `"${process.execPath}" run test/run.ts test/chaos/chaos test/observe/capture-file`;

async function bare(script: string, more: Record<string, string> = {}) {
  const { CI: _, ...env } = process.env;
  const path = withSbin(env.PATH);
  return inBox({ script: BARE + script, env: { ...env, PATH: path, ...more }, limitMs: 110_000 });
}

const noBox = await boxUnavailable();

testUnless(noBox, "with --no-setup: the line to type is told, what cannot run is skipped and counted", async () => {
  const { code, stdout } = await bare(`${RUN} --no-setup; ls /run/apt-get.log 2>/dev/null`);
  expect(stdout).toMatch(/To run them, type\n {2}apt-get install --no-install-recommends iproute2 .*tshark/);
  expect(stdout).toMatch(/\d+ tests were SKIPPED: ip not installed \(apt-get install .*iproute2\)/);
  expect(stdout).toMatch(/\d+ tests were SKIPPED: tshark not installed/);
  const [, passed, skipped] = /\n(\d+) passed, 0 failed, (\d+) skipped\n$/.exec(stdout) ?? [];
  expect([Number(passed) > 5, Number(skipped) > 5]).toEqual([true, true]);
  expect(code).not.toBe(0); // ls: nobody has called apt-get.
});

testUnless(noBox, "with CI=true a skip is a failure", async () => {
  const { code, stdout } = await bare(`${RUN} --no-setup`, { CI: "true" });
  expect(stdout).toContain("cannot run, and with CI=true nothing may be skipped: ip not installed");
  expect(stdout).toMatch(/\n\d+ passed, [1-9]\d* failed\n$/);
  expect(code).toBe(1);
});

testUnless(
  noBox,
  "root installs what is missing, by its name and after saying so; then nothing is skipped",
  async () => {
    const { code, stdout, stderr } = await bare(`${RUN}; code=$?; cat /run/apt-get.log; exit $code`);
    expect(stdout).toMatch(
      /Installing them \(--no-setup leaves them out\):\n {2}apt-get install \S+ iproute2 .*nftables .*tshark/,
    );
    expect(stdout).toMatch(
      /\n\d+ passed, 0 failed\n.*update\n.*install --no-install-recommends iproute2 .*nftables .*tshark/,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  },
);

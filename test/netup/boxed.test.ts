import { expect } from "bun:test";
import { boxUnavailable, inBox } from "../support/box.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { CACHE, debs, FIREWALLS } from "./debs.ts";
import { BOXED, type TrialReport } from "./firewalls.ts";
import { outside } from "./guard.ts";
import { expectTrial } from "./trial.ts";

const LIMIT_MS = 300_000;

const noBox = await boxUnavailable();
const files = Object.fromEntries(FIREWALLS.map((name) => [name, noBox === "" ? debs(name) : noBox]));

for (const firewall of BOXED) {
  const name = `a real ${firewall.name}: forwarding alone does not pass, netup lets the lab through, netdown leaves all as found`;
  const packages = files[firewall.deb!]!;
  const reason = typeof packages === "string" ? packages : lacks(["ip", "nft", "iptables-nft", "iptables-legacy"]);
  const inFirewallsBox = async () => {
    // apt-get knows the order of packages that must be set up before others are unpacked; nothing is left to download.
    const apt = `apt-get -q -y -o APT::Sandbox::User=root install --no-install-recommends ${(packages as string[]).join(" ")}`;
    const install = `${apt} >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; exit 1; }`;
    const inside = `${process.execPath} ${import.meta.dir}/trial.inside.ts ${firewall.name}`;
    const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", ...outside };
    const script = `${install}\n${inside}`;
    const { code, stdout, stderr } = await inBox({ script, folders: [CACHE], env, limitMs: LIMIT_MS });
    if (code !== 0) throw new Error(`exit ${code}\n${stdout}${stderr}`);
    const report = JSON.parse(stdout) as TrialReport;
    expectTrial(firewall, report);
    expect(report.byHand.culprit).toMatch(/firewalld|ufw|Docker/);
  };
  testUnless(reason, name, inFirewallsBox, LIMIT_MS + 10_000);
}

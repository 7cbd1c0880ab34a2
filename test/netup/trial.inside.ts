import { assert } from "#base/assert";
import { explain } from "#netup/culprit";
import { detect } from "#netup/facts";
import { netdown } from "#netup/netdown";
import { netup } from "#netup/netup";
import { settle } from "#netup/options";
import { probe } from "#netup/probe";
import { renderNetdown, renderNetup, renderStatus } from "#netup/render";
import { machine } from "#netup/run";
import { status } from "#netup/status";
import { BOXED, PLAIN, type Snapshot, type TrialReport } from "./firewalls.ts";
import { refuseOutside } from "./guard.ts";

/** Run within a namespace (or box) of its own: sets up one firewall, then netup and netdown; prints a TrialReport. */

refuseOutside();
const firewall = [...PLAIN, ...BOXED].find((each) => each.name === process.argv[2]);
assert(firewall !== undefined, `no firewall ${process.argv[2]}`);

const settings = settle({});
const names = settings.sides.map((side) => side.name);

sh(firewall.setup);
const byHand = tryByHand();
const found = snapshot();
const up = await netup();
const standing = snapshot().rules;
const again = await netup();
const steady = standing === snapshot().rules;
const now = status();
const fixes = up.findings.map((finding) => finding.fix).filter((fix) => fix.startsWith("sudo nft"));
const before = sh(`nft -s list ruleset`);
for (const fix of fixes) sh(fix.replace(/^sudo /, ""));
const typed = fixes.length === 0 ? "" : probe(machine, settings).outcome;
if (fixes.length > 0) sh(`nft flush ruleset && nft -f - <<'END'\n${before}\nEND`);
const down = netdown();
const report: TrialReport = {
  byHand,
  found,
  up: { exitCode: up.exitCode, outcome: up.probe?.outcome ?? "", text: renderNetup(up).join("\n"), fixes },
  again: { steps: again.steps.length, outcome: again.probe?.outcome ?? "" },
  steady,
  status: {
    exitCode: now.exitCode,
    trusts: now.firewalls === "unknown" ? [] : now.firewalls.map((each) => each.trusts),
    text: renderStatus(now).join("\n"),
  },
  typed,
  down: {
    exitCode: down.exitCode,
    outcomes: down.undone.map((each) => each.outcome),
    text: renderNetdown(down).join("\n"),
  },
  left: snapshot(),
  downAgain: netdown().undone.length,
};
console.log(JSON.stringify(report));

function sh(script: string): string {
  const ran = Bun.spawnSync(["sh", "-c", script], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C" },
  });
  assert(ran.exitCode === 0, `${script}\n${ran.stderr}`);
  return ran.stdout.toString();
}

/** What a tutorial says: two devices, two addresses, forwarding. Removed again afterwards. */
function tryByHand(): TrialReport["byHand"] {
  for (const [i, name] of names.entries()) {
    sh(`ip tuntap add ${name} mode tun && ip addr add 10.0.${i}.1/24 dev ${name} && ip link set ${name} up`);
    machine.write(`/proc/sys/net/ipv4/conf/${name}/forwarding`, "1");
  }
  const { outcome, trials } = probe(machine, settings);
  const lost = trials.find((each) => !each.arrived);
  const culprit = lost === undefined ? "" : explain(detect(machine, names), settings, lost).why;
  for (const name of names) sh(`ip link delete ${name}`);
  return { outcome, culprit };
}

/** All that netup may have changed. Counters and the hour are not part of a rule set. */
function snapshot(): Snapshot {
  const facts = detect(machine, names);
  const legacy = machine.read("/proc/net/ip_tables_names") ? sh("iptables-legacy-save; ip6tables-legacy-save") : "";
  const saved = sh("iptables-nft-save; ip6tables-nft-save") + legacy;
  const zones =
    facts.firewalld === null ? "" : sh("firewall-cmd --get-active-zones; firewall-cmd --permanent --list-all-zones");
  return {
    rules: withoutDeadChains(sh("nft -s list ruleset")) + saved.replace(/^#.*\n/gm, "").replace(/\[\d+:\d+\]/g, ""),
    links: facts.links.map((link) => `${link.name} ${link.up} ${link.alias} ${link.addresses}`).join("\n"),
    sysctl: JSON.stringify(facts.sysctl, null, 1),
    zones,
  };
}

/**
 * firewalld makes the chains of a zone when it is first used and keeps them, empty and led to by nothing, until its next
 * reload. They are no part of what a packet can meet; everything else must be the same to the letter.
 */
function withoutDeadChains(ruleset: string): string {
  let table = "";
  const chains = ruleset.split(/(?<=^\t\}\n)/m).map((text) => {
    table = /^table (.+) \{$/m.exec(text)?.[1] ?? table;
    return { table, name: /^\tchain (\S+) \{$/m.exec(text)?.[1] ?? "", text };
  });
  const reached = new Set([...ruleset.matchAll(/(?:jump|goto) (\S+)/g)].map((match) => match[1]!));
  const alive = chains.filter(
    (chain) =>
      chain.table !== "inet firewalld" ||
      chain.name === "" ||
      /^\t\ttype \w+ hook/m.test(chain.text) ||
      reached.has(chain.name),
  );
  const text = alive.map((chain) => chain.text).join("");
  return text === ruleset ? text : withoutDeadChains(text);
}

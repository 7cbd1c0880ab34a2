import { expect } from "bun:test";
import { netTestWith } from "../support/netns.ts";
import { type Firewall, PLAIN, type TrialReport } from "./firewalls.ts";
import { outside } from "./guard.ts";
import { expectTrial } from "./trial.ts";

const NEEDS = ["nft", "iptables-nft", "iptables-legacy"] as const;
const INSIDE = `${import.meta.dir}/trial.inside.ts`;

for (const firewall of PLAIN) {
  netTestWith(NEEDS, title(firewall), async (ns) => {
    const printed = await ns.bun(INSIDE, [firewall.name], { env: outside });
    const report = JSON.parse(printed) as TrialReport;
    expectTrial(firewall, report);
    expect(report.byHand.culprit).toMatch(/^it was routed, then (dropped|rejected)/);
  });
}

function title(firewall: Firewall): string {
  const verdict = firewall.opens ? "netup lets the lab through" : "netup says the line to add";
  return `${firewall.name}: forwarding alone does not pass, ${verdict}, netdown leaves the rule set as found`;
}

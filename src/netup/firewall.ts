import { usage } from "./errors.ts";
import type { Facts } from "./facts.ts";
import { mayDrop, type NftChain, ownTableExists, TABLE, TABLE_FAMILY, tableStands, tableText } from "./nft.ts";
import type { Settings } from "./options.ts";
import { RAW_BINARY } from "./raw-table.ts";
import type { Finding, Step } from "./step.ts";
import { acceptReplySpec, acceptSpec, COMMENT, filterOwner, hasRule, trustChain, type XtFilter } from "./xtables.ts";

interface Part {
  readonly steps: Step[];
  readonly findings: Finding[];
}

/**
 * Untracking needs trust: a stateful firewall that lets only established connections through would drop every untracked
 * packet. An accept rule in a table of our own is not enough, since a packet must pass every chain of the hook. So each
 * firewall that may drop the packets gets a rule or a zone binding.
 */
export function untrackAndTrust(facts: Facts, settings: Settings, uplink: string | null): Part {
  const parts = [
    firewalld(facts, settings),
    ...facts.filters.map((filter) => iptables(facts, settings, filter, uplink)),
    foreign(facts, settings),
    unseen(facts),
    untrack(facts, settings, uplink),
  ];
  return { steps: parts.flatMap((part) => part.steps), findings: parts.flatMap((part) => part.findings) };
}

/** firewalld's zone that accepts everything. A new zone would need a reload, which deletes all runtime rules. */
export const ZONE = "trusted";

function firewalld(facts: Facts, settings: Settings): Part {
  const zones = facts.firewalld;
  if (zones === null || zones === "unknown") return { steps: [], findings: [] };
  const steps: Step[] = settings.sides
    .filter(({ name }) => zones[name] !== ZONE)
    .map(({ name }) => ({
      kind: "trust",
      subject: name,
      title: `firewalld is running → put into zone ${ZONE} until its next reload`,
      actions: [{ run: ["firewall-cmd", `--zone=${ZONE}`, `--change-interface=${name}`] }],
      change: { what: "zone", name, before: zones[name] ?? null, after: ZONE },
    }));
  const fix = `run this after a reload: sudo ${settings.program} netup`;
  const forget = "`firewall-cmd --reload` removes zone bindings made at run time";
  return {
    steps,
    findings: [{ level: "note", what: "firewalld trusts the devices until its next reload", why: forget, fix }],
  };
}

function iptables(facts: Facts, settings: Settings, filter: XtFilter, uplink: string | null): Part {
  const chain = trustChain(filter);
  const byFirewalld = facts.firewalld !== null && filter.chains.some((name) => /^(FORWARD_direct|FWD[IO]_)/.test(name));
  if (chain === null || byFirewalld || (filter.family === 6 && !settings.v6)) return { steps: [], findings: [] };
  const [a, b] = settings.sides.map((side) => side.name) as [string, string];
  const specs = [acceptSpec(b, a), acceptSpec(a, b)];
  if (uplink !== null) {
    for (const name of [b, a]) specs.unshift(acceptReplySpec(uplink, name), acceptSpec(name, uplink));
  }
  const owner = filterOwner(filter);
  const steps = specs
    .filter((spec) => !hasRule(filter, chain, spec))
    .map((spec) =>
      insertStep("trust", `${owner} → insert one rule at the head of ${chain}`, filter.binary, "filter", chain, spec),
    );
  const findings: Finding[] = owner.startsWith("ufw")
    ? [
        {
          level: "note",
          what: "ufw lets the lab through until netdown or the next boot",
          why: "the rules are inserted at run time; ufw's own files are not changed",
          fix: `to keep them: sudo ufw route allow in on ${a} out on ${b}; sudo ufw route allow in on ${b} out on ${a}`,
        },
      ]
    : [];
  return { steps, findings };
}

function insertStep(
  kind: Step["kind"],
  title: string,
  binary: string,
  table: string,
  chain: string,
  spec: readonly string[],
): Step {
  const subject = `${spec[spec.indexOf("-i") + 1]}`;
  const rule = { binary, table, chain, spec };
  return { kind, subject, title, actions: [{ insert: rule }], change: { what: "rule", ...rule } };
}

/** Chains of the forward hook that may drop packets and that netup does not know how to edit. */
export function foreignChains(facts: Facts, settings: Pick<Settings, "v6">): NftChain[] {
  const { ruleset } = facts;
  if (ruleset === null || ruleset === "unknown") return [];
  const families = settings.v6 ? ["ip", "inet", "ip6"] : ["ip", "inet"];
  const byIptables = facts.filters
    .filter((filter) => filter.flavour === "nft")
    .map((filter) => (filter.family === 4 ? "ip filter" : "ip6 filter"));
  const isKnown = ({ family, table, name }: NftChain) =>
    (table === TABLE && family === TABLE_FAMILY) ||
    (table === "firewalld" && facts.firewalld !== null) ||
    // Other programs may have base chains under other names in the same table.
    (name === "FORWARD" && byIptables.some((each) => each === `${family} ${table}`));
  return ruleset.chains.filter(
    (chain) =>
      chain.hook === "forward" && families.includes(chain.family) && !isKnown(chain) && mayDrop(ruleset, chain),
  );
}

/** The command that opens a foreign chain for the lab. netup prints it and never runs it. */
export function acceptLine(chain: NftChain, names: readonly string[]): string {
  const lab = `{ ${names.map((name) => `"${name}"`).join(", ")} }`;
  return `sudo nft 'insert rule ${chain.family} ${chain.table} ${chain.name} iifname ${lab} oifname ${lab} accept'`;
}

/** Warns only of chains whose policy is drop. Single rules are reported only if the probe does not arrive. */
function foreign(facts: Facts, settings: Settings): Part {
  const names = settings.sides.map((side) => side.name);
  const findings: Finding[] = foreignChains(facts, settings)
    .filter((chain) => chain.policy === "drop")
    .map((chain) => ({
      level: "warn",
      what: `nft table ${chain.family} ${chain.table}, chain ${chain.name} has policy drop`,
      why: "netup does not edit the tables of others, and no other table can overrule it",
      fix: acceptLine(chain, names),
    }));
  return { steps: [], findings };
}

function unseen(facts: Facts): Part {
  const findings: Finding[] = [];
  if (!facts.privileged) {
    findings.push({
      level: "note",
      what: "the firewall rules are unknown",
      why: "only root can read them",
      fix: "run the same command with sudo",
    });
  } else if (facts.ruleset === "unknown" || facts.firewalld === "unknown" || !facts.filtersKnown) {
    const part = facts.ruleset === "unknown" ? "nft" : facts.firewalld === "unknown" ? "firewalld" : "legacy iptables";
    const why = "it is installed, but its rules could not be read";
    findings.push({ level: "warn", what: `the rules of ${part} are unknown`, why, fix: "" });
  }
  return { steps: [], findings };
}

function untrack(facts: Facts, settings: Settings, uplink: string | null): Part {
  const { ruleset } = facts;
  if (!facts.tools.nft) return untrackByIptables(facts, settings, uplink);
  if (ruleset !== null && ruleset !== "unknown" && ownTableExists(ruleset) && tableStands(ruleset, settings, uplink)) {
    return { steps: [], findings: [] };
  }
  const [a, b] = settings.sides.map((side) => side.name);
  const masquerade = uplink === null ? "" : `; masquerade and MSS clamp towards ${uplink}`;
  const step: Step = {
    kind: "notrack",
    subject: `${a} ⇄ ${b}`,
    title: `connection tracking off, in our own nft table${masquerade}`,
    actions: [{ run: ["nft", "-j", "-f", "-"], stdin: tableText(settings, uplink) }],
    change: { what: "table", family: TABLE_FAMILY, name: TABLE },
  };
  return { steps: [step], findings: [] };
}

/** Without nft: rules in iptables' raw table. They match by destination, so that other traffic stays tracked. */
function untrackByIptables(facts: Facts, settings: Settings, uplink: string | null): Part {
  if (uplink !== null) throw usage("--uplink needs nft", "it is not installed", "sudo apt-get install nftables");
  const raw: Finding = {
    level: "note",
    what: "nft is not installed: using the raw table of iptables",
    why: "it sees packets only after the kernel has reassembled fragments",
    fix: "sudo apt-get install nftables",
  };
  if (!facts.tools.iptables) {
    const why = "neither nft nor iptables is installed; a firewall may drop unusual segments as invalid";
    return { steps: [], findings: [{ ...raw, what: "connection tracking stays on for the lab's traffic", why }] };
  }
  const [a, b] = settings.sides;
  const steps = [
    [a, b],
    [b, a],
  ].map(([from, to]) => {
    const match = ["-i", from!.name, "-d", `${to!.prefixes[0]!.subnet}`, "-m", "comment", "--comment", COMMENT];
    return insertStep("notrack", "connection tracking off", RAW_BINARY, "raw", "PREROUTING", [
      ...match,
      "-j",
      "NOTRACK",
    ]);
  });
  return { steps, findings: [raw] };
}

import { EXIT_NOT_READY, EXIT_OK } from "./errors.ts";
import { detect, type Facts, forceForwardingKey, forwardingKey, type Link, type Route } from "./facts.ts";
import { acceptLine, foreignChains, ZONE } from "./firewall.ts";
import { counterOf, ownTableRules, TABLE, TABLE_FAMILY } from "./nft.ts";
import { DEFAULT_NAMES, type NetupOptions, namesOf } from "./options.ts";
import { isOwn } from "./plan-device.ts";
import { RAW_BINARY, rawRules } from "./raw-table.ts";
import { machine, type System } from "./run.ts";
import { readState, type State, statePath } from "./state.ts";
import type { Finding } from "./step.ts";
import { filterOwner, isOurs, trustChain } from "./xtables.ts";

/** "unknown": only root can see it. Never reported as "no". */
export type Answer = "yes" | "no" | "unknown";

/** A rule of ours in any table, and its counters. */
export interface RuleStatus {
  readonly where: string;
  readonly rule: string;
  readonly packets: number;
  readonly bytes: number;
}

/** A firewall that may drop forwarded packets, and whether it lets the lab's through. */
export interface TrustStatus {
  readonly firewall: string;
  readonly trusts: Answer;
  readonly detail: string;
}

export interface StatusResult {
  readonly schema: "tcpnet.status/1";
  /** 0 if everything is set up; 3 if something is missing, or cannot be seen. */
  readonly exitCode: number;
  readonly kernel: string;
  readonly links: readonly (Link & { readonly ours: boolean })[];
  /** Names of devices that do not exist. */
  readonly missing: readonly string[];
  readonly routes: readonly Route[];
  readonly forwarding: {
    /** The whole machine (net.ipv4.ip_forward). */
    readonly global: Answer;
    readonly ipv4: Readonly<Record<string, Answer>>;
    readonly ipv6: Readonly<Record<string, Answer>>;
  };
  readonly untracked: Answer;
  readonly rules: readonly RuleStatus[] | "unknown";
  readonly firewalls: readonly TrustStatus[] | "unknown";
  readonly findings: readonly Finding[];
  readonly stateFile: string;
  /** When netup first ran (ISO 8601); null without a state file. */
  readonly since: string | null;
}

/** What is set up: `ip link; ip route; sysctl …; nft list table inet tcpnet; iptables -L -v` in one screen. Changes nothing. */
export function status(options: Pick<NetupOptions, "ifs" | "program" | "system"> = {}): StatusResult {
  const system: System = options.system ?? machine;
  const program = options.program ?? "./tcpnet";
  const stateFile = statePath(system);
  const state = readState(system, stateFile);
  const names = options.ifs !== undefined ? namesOf(options.ifs) : (state?.setup.names ?? namesOf(DEFAULT_NAMES));
  const facts = detect(system, names);
  const links = names.flatMap((name) => facts.links.filter((link) => link.name === name));
  const missing = names.filter((name) => !links.some((link) => link.name === name));
  const forwarding = forwardingOf(facts, names);
  const rules = rulesOf(system, facts);
  const firewalls = facts.privileged ? firewallsOf(facts, names, state) : "unknown";
  const untracked = rules === "unknown" ? "unknown" : answer(rules.some((rule) => /untracked|NOTRACK/.test(rule.rule)));
  const again = `sudo ${program} netup${names.join() === DEFAULT_NAMES ? "" : ` --ifs ${names.join()}`}`;
  const findings = [
    ...(missing.length > 0
      ? [absent(missing, names, state, { program, again })]
      : lacking(links, names, forwarding, state !== null && untracked === "no", again)),
    ...findingsOf(facts, names, links, firewalls, program, again),
  ];
  const stands =
    missing.length === 0 &&
    links.every((link) => isOwn(link) && link.up) &&
    names.every((name) => forwarding.ipv4[name] === "yes") &&
    (firewalls === "unknown" || firewalls.every((each) => each.trusts !== "no"));
  return {
    schema: "tcpnet.status/1",
    exitCode: stands ? EXIT_OK : EXIT_NOT_READY,
    kernel: facts.kernel,
    links: links.map((link) => ({ ...link, ours: isOwn(link) })),
    missing,
    routes: facts.routes.filter((route) => names.includes(route.dev)),
    forwarding,
    untracked,
    rules,
    firewalls,
    findings,
    stateFile,
    since: state?.created ?? null,
  };
}

function answer(yes: boolean): Answer {
  return yes ? "yes" : "no";
}

function sysctlAnswer(value: string | undefined): Answer {
  return value === undefined ? "unknown" : answer(value !== "0");
}

function forwardingOf(facts: Facts, names: readonly string[]): StatusResult["forwarding"] {
  const ipv4: Record<string, Answer> = {};
  const ipv6: Record<string, Answer> = {};
  const all6 = facts.sysctl["net/ipv6/conf/all/forwarding"];
  for (const name of names) {
    if (!facts.links.some((link) => link.name === name)) continue;
    ipv4[name] = sysctlAnswer(facts.sysctl[forwardingKey(4, name)]);
    const forced = facts.sysctl[forceForwardingKey(name)];
    ipv6[name] = all6 === undefined ? "no" : answer(all6 === "1" || forced === "1");
  }
  return { global: sysctlAnswer(facts.sysctl["net/ipv4/ip_forward"]), ipv4, ipv6 };
}

function rulesOf(system: System, facts: Facts): RuleStatus[] | "unknown" {
  if (!facts.privileged || facts.ruleset === "unknown") return "unknown";
  const own = facts.ruleset === null ? [] : ownTableRules(facts.ruleset);
  const nft = own.map((rule) => ({
    where: `nft ${TABLE_FAMILY} ${TABLE} ${rule.chain}`,
    rule: (rule.comment ?? "").replace(/^tcpnet: /, ""),
    ...(counterOf(rule) ?? { packets: 0, bytes: 0 }),
  }));
  const xt = facts.filters.flatMap((filter) =>
    filter.rules
      .filter(isOurs)
      .map(({ chain, spec, packets, bytes }) => ({ where: `${filter.binary} ${chain}`, rule: spec, packets, bytes })),
  );
  const raw = facts.tools.nft
    ? []
    : rawRules(system).map(({ chain, spec, packets, bytes }) => ({
        where: `${RAW_BINARY} raw ${chain}`,
        rule: spec,
        packets,
        bytes,
      }));
  return [...nft, ...xt, ...raw];
}

function firewallsOf(facts: Facts, names: readonly string[], state: State | null): TrustStatus[] {
  const statuses: TrustStatus[] = [];
  const { firewalld } = facts;
  if (firewalld === "unknown") statuses.push({ firewall: "firewalld", trusts: "unknown", detail: "it did not answer" });
  else if (firewalld !== null) {
    const zones = names.map((name) => `${name} in ${firewalld[name] ?? "the default zone"}`);
    const trusts = answer(names.every((name) => firewalld[name] === ZONE));
    statuses.push({ firewall: "firewalld", trusts, detail: zones.join(", ") });
  }
  for (const filter of facts.filters) {
    const chain = trustChain(filter);
    if (chain === null || (filter.family === 6 && state?.setup.v6 !== true)) continue;
    const [a, b] = names as [string, string];
    const opened = (from: string, to: string) =>
      filter.rules.some((rule) => isOurs(rule) && rule.spec.startsWith(`-i ${from} -o ${to} `));
    const trusts = answer(opened(a, b) && opened(b, a));
    statuses.push({ firewall: filterOwner(filter), trusts, detail: `${chain}, by ${filter.binary}` });
  }
  for (const chain of foreignChains(facts, { v6: state?.setup.v6 === true })) {
    if (chain.policy !== "drop") continue;
    const detail = `policy drop; if packets do not pass: ${acceptLine(chain, names)}`;
    statuses.push({ firewall: `nft ${chain.family} ${chain.table} ${chain.name}`, trusts: "unknown", detail });
  }
  return statuses;
}

/** Why a device is missing: netup has not run, has set up others, or somebody has deleted it. */
function absent(
  missing: readonly string[],
  names: readonly string[],
  state: State | null,
  { program, again }: { readonly program: string; readonly again: string },
): Finding {
  if (state === null) return { level: "note", what: "netup has not been run", why: "a device is missing", fix: again };
  const setup = state.setup.names.join(",");
  if (setup === names.join(",")) {
    return { level: "fail", what: `${missing.join(", ")} was deleted after netup had run`, why: "", fix: again };
  }
  return { level: "note", what: `netup set up ${setup}, not ${names.join(",")}`, why: "", fix: `${program} status` };
}

/** What of netup's setup is missing, beside devices. @param tracked netup ran, and its rule against connection tracking is gone */
function lacking(
  links: readonly Link[],
  names: readonly string[],
  { ipv4 }: StatusResult["forwarding"],
  tracked: boolean,
  fix: string,
): Finding[] {
  const findings: Finding[] = [];
  const down = links.filter((link) => !link.up).map((link) => link.name);
  if (down.length > 0) findings.push({ level: "fail", what: `${down.join(", ")} is down`, why: "", fix });
  const off = names.filter((name) => ipv4[name] === "no");
  if (off.length > 0) {
    const why = "the kernel passes no packets between the stacks";
    findings.push({ level: "fail", what: `forwarding is off on ${off.join(", ")}`, why, fix });
  }
  if (tracked) {
    const why = "netup's rule against it is gone; a firewall may drop unusual segments as invalid";
    findings.push({ level: "warn", what: "connection tracking is on for the lab's packets", why, fix });
  }
  return findings;
}

function findingsOf(
  facts: Facts,
  names: readonly string[],
  links: readonly Link[],
  firewalls: readonly TrustStatus[] | "unknown",
  program: string,
  again: string,
): Finding[] {
  const findings: Finding[] = [];
  const { firewalld } = facts;
  for (const link of links.filter((each) => !isOwn(each))) {
    const why = `it is ${link.kind === "tun" ? "a TUN" : "a device"} that somebody else made`;
    findings.push({
      level: "warn",
      what: `${link.name} was not made by netup`,
      why,
      fix: `sudo ${program} netup --ifs tcpnet0,tcpnet1`,
    });
  }
  for (const name of names) {
    const own = links.some((link) => link.name === name && isOwn(link));
    if (own || firewalld === null || firewalld === "unknown" || firewalld[name] !== ZONE) continue;
    const why = "firewalld will trust the next device with that name";
    const fix = `sudo firewall-cmd --zone=${ZONE} --remove-interface=${name}`;
    findings.push({
      level: "warn",
      what: `the name ${name} is bound to zone ${ZONE}, but the device was not made by netup`,
      why,
      fix,
    });
  }
  if (firewalls !== "unknown") {
    for (const each of firewalls.filter((one) => one.trusts === "no")) {
      if (links.length === 0) continue;
      findings.push({ level: "fail", what: `${each.firewall} drops the lab's packets`, why: each.detail, fix: again });
    }
  }
  return findings;
}

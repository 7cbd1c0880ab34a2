import { type Link, readLinks, zoneOf } from "./facts.ts";
import type { Owner } from "./options.ts";
import { type System, sysctlPath, sysctlText } from "./run.ts";

/** The alias that marks a device as ours. The kernel keeps it, so we find the device even without the state file. */
export const ALIAS = "tcpnet:v1:";
/** Marks a device that existed before netup and was adopted with --force: netdown never deletes it. */
export const ALIAS_ADOPTED = `${ALIAS}adopted`;

/** A TUN device that we created, and for whom. */
export interface LinkChange {
  readonly what: "link";
  readonly name: string;
  readonly owner: Owner | null;
}

/** A device that netup adopted, with its settings from before. */
export interface AdoptedChange {
  readonly what: "adopted";
  readonly name: string;
  readonly before: { readonly alias: string; readonly up: boolean };
  readonly added: readonly string[];
}

export interface SysctlChange {
  readonly what: "sysctl";
  readonly key: string;
  /** null until the change is applied. */
  readonly before: string | null;
  readonly after: string;
  /** Keys that the kernel rewrites by itself when this one changes, with their values before. */
  readonly also: Readonly<Record<string, string>>;
}

export interface TableChange {
  readonly what: "table";
  readonly family: string;
  readonly name: string;
}

/** A rule in a chain of iptables. */
export interface RuleChange {
  readonly what: "rule";
  readonly binary: string;
  readonly table: string;
  readonly chain: string;
  readonly spec: readonly string[];
}

/** An interface bound to a zone of firewalld, at run time only. */
export interface ZoneChange {
  readonly what: "zone";
  readonly name: string;
  readonly before: string | null;
  readonly after: string;
}

/** One change that netup made, with everything needed to undo it. Kept in the state file. */
export type Change = LinkChange | AdoptedChange | SysctlChange | TableChange | RuleChange | ZoneChange;

/** Two changes of the same thing have the same key. */
export function changeKey(change: Change): string {
  switch (change.what) {
    case "link":
    case "adopted":
      return `link ${change.name}`;
    case "sysctl":
      return `sysctl ${change.key}`;
    case "table":
      return `table ${change.family} ${change.name}`;
    case "rule":
      return `rule ${change.binary} ${change.table} ${change.chain} ${change.spec.join(" ")}`;
    case "zone":
      return `zone ${change.name}`;
  }
}

/**
 * restored: it has its old value again. gone: it no longer existed. left: somebody else changed it since, so netdown does not touch it.
 * failed: undoing it failed, and it stays in the state file.
 */
export type Outcome = "restored" | "gone" | "left" | "failed";

export interface Undone {
  readonly change: Change;
  readonly outcome: Outcome;
  /** What was done, or why nothing was done, for people. */
  readonly text: string;
}

/** Undoes one change if the present value is still the one that netup set. */
export function undo(system: System, change: Change): Undone {
  const done = (outcome: Outcome, text: string): Undone => ({ change, outcome, text });
  switch (change.what) {
    case "link":
      return undoLink(system, change, done);
    case "adopted":
      return undoAdopted(system, change, done);
    case "sysctl":
      return undoSysctl(system, change, done);
    case "table": {
      const id = [change.family, change.name];
      if (system.run(["nft", "list", "table", ...id]).code !== 0) return done("gone", `nft table ${id.join(" ")}`);
      return finish(system, ["nft", "delete", "table", ...id], `nft table ${id.join(" ")} deleted`, done);
    }
    case "rule":
      return undoRule(system, change, done);
    case "zone":
      return undoZone(system, change, done);
  }
}

type Done = (outcome: Outcome, text: string) => Undone;

function finish(system: System, argv: readonly string[], text: string, done: Done): Undone {
  const ran = system.run(argv);
  return ran.code === 0
    ? done("restored", text)
    : done("failed", `${argv.join(" ")}: ${ran.err || `exit ${ran.code}`}`);
}

function undoLink(system: System, change: LinkChange, done: Done): Undone {
  const { name } = change;
  const link = readLinks(system.run(["ip", "-d", "-j", "addr", "show", "dev", name]).out)[0];
  if (link === undefined) return done("gone", `device ${name}`);
  const ours = link.alias.startsWith(ALIAS) && link.alias !== ALIAS_ADOPTED;
  if (!ours && !isHalfMade(link, change))
    return done("left", `device ${name} is no longer ours (alias "${link.alias}")`);
  const used = link.attached ? " (a program was using it)" : "";
  return finish(system, ["ip", "link", "delete", "dev", name], `device ${name} deleted${used}`, done);
}

/**
 * Whether netup was killed after it made this device and before it set the alias. Such a device has the recorded owner and
 * nothing else set.
 */
export function isHalfMade(link: Link, { owner }: LinkChange): boolean {
  const sameOwner = owner === null ? link.owner === null : [owner.name, `${owner.uid}`].includes(link.owner ?? "");
  const untouched = link.alias === "" && !link.up && !link.attached && link.addresses.length === 0;
  return link.kind === "tun" && sameOwner && untouched;
}

function undoAdopted(system: System, change: AdoptedChange, done: Done): Undone {
  const { name, before, added } = change;
  const link = readLinks(system.run(["ip", "-d", "-j", "addr", "show", "dev", name]).out)[0];
  if (link === undefined) return done("gone", `device ${name}`);
  if (link.alias !== ALIAS_ADOPTED) return done("left", `device ${name} is no longer ours (alias "${link.alias}")`);
  const commands = added
    .filter((address) => link.addresses.includes(address))
    .map((address) => ["ip", "addr", "del", address, "dev", name]);
  if (!before.up) commands.push(["ip", "link", "set", "dev", name, "down"]);
  commands.push(["ip", "link", "set", "dev", name, "alias", before.alias]);
  for (const argv of commands) {
    const ran = system.run(argv);
    if (ran.code !== 0) return done("failed", `${argv.join(" ")}: ${ran.err}`);
  }
  return done("restored", `device ${name} has its old settings again`);
}

function undoSysctl(system: System, change: SysctlChange, done: Done): Undone {
  const { key, before, after } = change;
  const now = system.read(sysctlPath(key));
  const name = sysctlText(key);
  if (now === null) return done("gone", name);
  if (before === null || now === before) return done("gone", `${name} is ${now}`);
  if (now !== after) return done("left", `${name} is ${now}: somebody else changed it since`);
  try {
    system.write(sysctlPath(key), before);
    for (const [other, value] of Object.entries(change.also)) {
      const path = sysctlPath(other);
      const present = system.read(path);
      if (present !== null && present !== value) system.write(path, value);
    }
  } catch (error) {
    return done("failed", `${name}: ${(error as Error).message}`);
  }
  return done("restored", `${name} = ${before}`);
}

function undoRule(system: System, change: RuleChange, done: Done): Undone {
  const { binary, table, chain, spec } = change;
  const rule = (flag: string) => [binary, "-w", "5", "-t", table, flag, chain, ...spec];
  const text = `${binary} ${table} ${chain}: ${ruleText(spec)}`;
  if (system.run(rule("-C")).code !== 0) return done("gone", text);
  return finish(system, rule("-D"), `${text} removed`, done);
}

/** firewalld's codes for "not bound to this zone" (ZONE_CONFLICT means something else). */
const UNKNOWN_INTERFACE = 17;

function undoZone(system: System, change: ZoneChange, done: Done): Undone {
  const { name, before, after } = change;
  if (system.run(["firewall-cmd", "--state"]).code !== 0) return done("gone", `firewalld is not running`);
  const zone = zoneOf(system, name);
  if (zone === null) return done("gone", `firewalld zone of ${name}`);
  if (zone !== after) return done("left", `firewalld has ${name} in zone ${zone}: somebody else changed it since`);
  const back = before === null ? `--zone=${after}` : `--zone=${before}`;
  const verb = before === null ? `--remove-interface=${name}` : `--change-interface=${name}`;
  const ran = system.run(["firewall-cmd", back, verb]);
  if (ran.code === 0 || ran.code === UNKNOWN_INTERFACE) {
    return done(
      "restored",
      `firewalld: ${name} ${before === null ? `removed from zone ${after}` : `moved back to zone ${before}`}`,
    );
  }
  return done("failed", `firewall-cmd ${back} ${verb}: ${ran.err || `exit ${ran.code}`}`);
}

/** What undoing the change would do, for the dry run. */
export function undoText(change: Change): string {
  switch (change.what) {
    case "link":
      return `device ${change.name}: delete`;
    case "adopted":
      return `device ${change.name}: restore its old settings`;
    case "sysctl":
      return `${sysctlText(change.key)}: set back to ${change.before ?? "its old value"}`;
    case "table":
      return `nft table ${change.family} ${change.name}: delete`;
    case "rule":
      return `${change.binary} ${change.table} ${change.chain}: remove ${ruleText(change.spec)}`;
    case "zone":
      return `firewalld: remove ${change.name} from zone ${change.after}`;
  }
}

/** "tun0 → tun1" for a rule that names both interfaces. */
export function ruleText(spec: readonly string[]): string {
  const from = spec[spec.indexOf("-i") + 1];
  const to = spec.includes("-o") ? spec[spec.indexOf("-o") + 1] : spec[spec.indexOf("-d") + 1];
  return `${from} → ${to}`;
}

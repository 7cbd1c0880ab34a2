import { ALIAS_ADOPTED, type Change, changeKey, type Outcome, undo, undoText } from "./changes.ts";
import { EXIT_NOT_READY, EXIT_OK, notRoot } from "./errors.ts";
import { detect, type Facts, isPrivileged } from "./facts.ts";
import { ZONE } from "./firewall.ts";
import { ownTableExists, TABLE, TABLE_FAMILY } from "./nft.ts";
import { DEFAULT_NAMES, type NetupOptions, namesOf } from "./options.ts";
import { isOwn } from "./plan.ts";
import { RAW_BINARY, rawRules } from "./raw-table.ts";
import { machine, type System } from "./run.ts";
import { readState, statePath } from "./state.ts";
import { isOurs } from "./xtables.ts";

type NetdownOptions = Pick<NetupOptions, "ifs" | "dryRun" | "stateFile" | "program" | "system">;

export interface NetdownResult {
  readonly schema: "tcpnet.netdown/1";
  readonly dryRun: boolean;
  /** 0, or 3 where something could not be undone. */
  readonly exitCode: number;
  /** In the order of undoing; on a dry run what would be undone. */
  readonly undone: readonly { readonly key: string; readonly outcome: Outcome | "planned"; readonly text: string }[];
  readonly stateFile: string;
}

/**
 * Undoes what netup did, in reverse, and nothing else: each change only where what we set is still there. Goes by the state
 * file, and by what in the kernel bears our mark, so it works without the file too. A second call does nothing.
 * Throws NetupError where it may not.
 */
export function netdown(options: NetdownOptions = {}): NetdownResult {
  const system = options.system ?? machine;
  const stateFile = statePath(system, options.stateFile);
  const release = options.dryRun !== true && isPrivileged(system) ? system.lock(`${stateFile}.lock`) : null;
  try {
    return unmake(system, options, stateFile);
  } finally {
    release?.();
  }
}

function unmake(system: System, options: NetdownOptions, stateFile: string): NetdownResult {
  const state = readState(system, stateFile);
  const names = state?.setup.names ?? namesOf(options.ifs ?? DEFAULT_NAMES);
  const facts = detect(system, names);
  const dryRun = options.dryRun === true;
  if (!facts.privileged && !dryRun) {
    throw notRoot("netdown", system, options.program ?? "./tcpnet");
  }
  const recorded = state?.changes ?? [];
  const keys = new Set(recorded.map(changeKey));
  const found = discover(system, facts).filter((change) => !keys.has(changeKey(change)));
  const isLink = (change: Change) => change.what === "link" || change.what === "adopted";
  const links = found.filter(isLink);
  const others = found.filter((change) => !isLink(change));
  // Undone from the end: rules and bindings before the devices that they name.
  const changes = [...links, ...recorded, ...others].reverse();
  const undone = changes.map((change) =>
    dryRun ? { change, outcome: "planned" as const, text: undoText(change) } : undo(system, change),
  );
  if (!dryRun) {
    const failed = undone.filter((each) => each.outcome === "failed").map((each) => each.change);
    if (failed.length === 0) system.remove(stateFile);
    else if (state !== null) {
      const rest = { ...state, changes: failed.reverse() };
      system.save(stateFile, `${JSON.stringify(rest, null, 2)}\n`);
    }
  }
  return {
    schema: "tcpnet.netdown/1",
    dryRun,
    exitCode: undone.some((each) => each.outcome === "failed") ? EXIT_NOT_READY : EXIT_OK,
    undone: undone.map(({ change, outcome, text }) => ({ key: changeKey(change), outcome, text })),
    stateFile,
  };
}

/** What bears our mark in the kernel. A zone binding bears none: it is ours where its device is, and it is not permanent. */
export function discover(system: System, facts: Facts): Change[] {
  const changes: Change[] = [];
  const own = facts.links.filter(isOwn);
  for (const link of own) {
    if (link.alias !== ALIAS_ADOPTED) changes.push({ what: "link", name: link.name });
    else changes.push({ what: "adopted", name: link.name, before: { alias: "", up: true }, added: [] });
  }
  const { ruleset, firewalld } = facts;
  if (ruleset !== null && ruleset !== "unknown" && ownTableExists(ruleset)) {
    changes.push({ what: "table", family: TABLE_FAMILY, name: TABLE });
  }
  for (const { binary, rules } of facts.filters) {
    for (const { chain, spec } of rules.filter(isOurs)) {
      changes.push({ what: "rule", binary, table: "filter", chain, spec: spec.split(" ") });
    }
  }
  if (!facts.tools.nft && facts.privileged) {
    for (const { chain, spec } of rawRules(system)) {
      changes.push({ what: "rule", binary: RAW_BINARY, table: "raw", chain, spec: spec.split(" ") });
    }
  }
  if (firewalld !== null && firewalld !== "unknown") {
    for (const { name } of own) {
      const permanent = system.run(["firewall-cmd", "--permanent", `--get-zone-of-interface=${name}`]).out.trim();
      if (firewalld[name] === ZONE && permanent !== ZONE)
        changes.push({ what: "zone", name, before: null, after: ZONE });
    }
  }
  return changes;
}

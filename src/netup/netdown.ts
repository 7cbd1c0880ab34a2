import { ALIAS_ADOPTED, type Change, changeKey, type Outcome, undo, undoText } from "./changes.ts";
import { EXIT_NOT_READY, EXIT_OK, notReady, notRoot } from "./errors.ts";
import { detect, type Facts, isPrivileged } from "./facts.ts";
import { ZONE } from "./firewall.ts";
import { ownTableExists, TABLE, TABLE_FAMILY } from "./nft.ts";
import { DEFAULT_NAMES, type NetupOptions, namesOf } from "./options.ts";
import { isOwn } from "./plan-device.ts";
import { RAW_BINARY, rawRules } from "./raw-table.ts";
import { machine, type System } from "./run.ts";
import { readState, type State, statePath } from "./state.ts";
import { isOurs, isOwnSpec, type XtRule } from "./xtables.ts";

type NetdownOptions = Pick<NetupOptions, "ifs" | "dryRun" | "program" | "system">;

interface UndoneStep {
  readonly key: string;
  /** removed: a file left by a killed program. */
  readonly outcome: Outcome | "planned" | "removed";
  readonly text: string;
}

export interface NetdownResult {
  readonly schema: "tcpnet.netdown/1";
  readonly dryRun: boolean;
  /** 0, or 3 if something could not be undone. */
  readonly exitCode: number;
  /** In the order of undoing. In a dry run, what would be undone. */
  readonly undone: readonly UndoneStep[];
  readonly stateFile: string;
}

/**
 * Undoes what netup did, in reverse order. A change is undone only if nobody changed the value since. Uses the state file and
 * the marks that netup leaves in the kernel, so it also works without the file. A second call does nothing.
 * Throws NetupError without the privileges.
 */
export function netdown(options: NetdownOptions = {}): NetdownResult {
  const system = options.system ?? machine;
  const stateFile = statePath(system);
  const release = options.dryRun !== true && isPrivileged(system) ? system.lock() : null;
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
  requireNamed(options, standing(facts, state));
  const recorded = state?.changes ?? [];
  const keys = new Set(recorded.map(changeKey));
  const found = discover(system, facts).filter((change) => !keys.has(changeKey(change)));
  const isLink = (change: Change) => change.what === "link" || change.what === "adopted";
  const links = found.filter(isLink);
  const others = found.filter((change) => !isLink(change));
  // Undo in reverse: rules and zone bindings before the devices that they name.
  const changes = [...links, ...recorded, ...others].reverse();
  const undone = changes.map((change) =>
    dryRun ? { change, outcome: "planned" as const, text: undoText(change) } : undo(system, change),
  );
  const swept: string[] = [];
  if (!dryRun) {
    const failed = undone.filter((each) => each.outcome === "failed").map((each) => each.change);
    if (failed.length === 0) system.remove(stateFile);
    else if (state !== null) {
      const rest = { ...state, changes: failed.reverse() };
      system.save(stateFile, `${JSON.stringify(rest, null, 2)}\n`);
    }
    swept.push(...system.sweep());
  }
  return {
    schema: "tcpnet.netdown/1",
    dryRun,
    exitCode: undone.some((each) => each.outcome === "failed") ? EXIT_NOT_READY : EXIT_OK,
    undone: [
      ...undone.map(({ change, outcome, text }) => ({ key: changeKey(change), outcome, text })),
      ...swept.map((path) => ({
        key: `file ${path}`,
        outcome: "removed" as const,
        text: `${path}, left by a killed program`,
      })),
    ],
    stateFile,
  };
}

function ownRules(rules: readonly XtRule[], binary: string, table: string): Change[] {
  return rules
    .filter(isOurs)
    .map(({ chain, spec }) => ({ what: "rule" as const, binary, table, chain, spec: spec.split(" ") }))
    .filter(({ spec }) => isOwnSpec(spec));
}

/** The devices that netup set up: from the state file, else from the kernel. */
function standing(facts: Facts, state: State | null): readonly string[] {
  if (state !== null) return state.setup.names;
  const own = facts.links.filter(isOwn).map((link) => link.name);
  const rules = facts.filters.flatMap((filter) => ownRules(filter.rules, filter.binary, "filter"));
  const named = rules.flatMap((rule) =>
    rule.what === "rule" ? rule.spec.filter((_, i) => rule.spec[i - 1] === "-i") : [],
  );
  return own.length > 0 ? own : [...new Set(named)];
}

/** `--ifs` must name the devices that netup set up; other names are refused, so that nothing else is undone by mistake. */
function requireNamed({ ifs, program = "./tcpnet" }: NetdownOptions, names: readonly string[]): void {
  if (ifs === undefined) return;
  const named = namesOf(ifs);
  if (names.every((name) => named.includes(name))) return;
  const setUp = names.join(",");
  throw notReady(`netup set up ${setUp}, not ${ifs}`, "nothing was undone", `sudo ${program} netdown undoes ${setUp}`);
}

/** What in the kernel bears our mark. A zone binding cannot: it is ours if the device is ours and the binding is not permanent. */
export function discover(system: System, facts: Facts): Change[] {
  const changes: Change[] = [];
  const own = facts.links.filter(isOwn);
  for (const link of own) {
    if (link.alias !== ALIAS_ADOPTED) changes.push({ what: "link", name: link.name, owner: null });
    else changes.push({ what: "adopted", name: link.name, before: { alias: "", up: true }, added: [] });
  }
  const { ruleset, firewalld } = facts;
  if (ruleset !== null && ruleset !== "unknown" && ownTableExists(ruleset)) {
    changes.push({ what: "table", family: TABLE_FAMILY, name: TABLE });
  }
  for (const { binary, rules } of facts.filters) {
    changes.push(...ownRules(rules, binary, "filter"));
  }
  if (!facts.tools.nft && facts.privileged) changes.push(...ownRules(rawRules(system), RAW_BINARY, "raw"));
  if (firewalld !== null && firewalld !== "unknown") {
    for (const { name } of own) {
      const permanent = system.run(["firewall-cmd", "--permanent", `--get-zone-of-interface=${name}`]).out.trim();
      if (firewalld[name] === ZONE && permanent !== ZONE)
        changes.push({ what: "zone", name, before: null, after: ZONE });
    }
  }
  return changes;
}

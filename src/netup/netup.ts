import { actionText, apply } from "./apply.ts";
import { explain } from "./culprit.ts";
import { EXIT_NOT_READY, EXIT_OK, notReady, notRoot } from "./errors.ts";
import { detect, type Facts, isPrivileged } from "./facts.ts";
import { type NetupOptions, type Settings, type Side, settle, stackAddresses } from "./options.ts";
import { type Plan, plan } from "./plan.ts";
import type { Probe, ProbeReport } from "./probe.ts";
import type { Role } from "./roles.ts";
import { machine, type System } from "./run.ts";
import { Ledger, readState, type State, setupOf, statePath } from "./state.ts";
import type { Finding, StepKind } from "./step.ts";

/** A step for people: what it does, and its commands. */
export interface StepResult {
  readonly kind: StepKind;
  readonly subject: string;
  readonly title: string;
  readonly commands: readonly string[];
  /** The commands' standard input, if they read any. */
  readonly input: string | null;
}

export interface SideResult {
  readonly role: Role;
  readonly name: string;
  /** The kernel's addresses. */
  readonly kernel: readonly string[];
  /** The stack's own addresses. */
  readonly stack: readonly string[];
}

export interface NetupResult {
  readonly schema: "tcpnet.netup/1";
  readonly dryRun: boolean;
  /** 0, or 3 if packets do not pass. */
  readonly exitCode: number;
  readonly sides: readonly SideResult[];
  readonly owner: string | null;
  readonly uplink: string | null;
  /** What was done (in a dry run: would be done); empty if everything was set up already. */
  readonly steps: readonly StepResult[];
  readonly findings: readonly Finding[];
  /** null: no probe was sent. */
  readonly probe: ProbeReport | null;
  /** null: no state file is kept. */
  readonly stateFile: string | null;
  /** What to type next. */
  readonly next: readonly string[];
  readonly undo: string;
}

/**
 * Makes the machine ready for `host` and `peer`: two TUN devices, forwarding between them, no connection tracking, rules in
 * the firewalls that would drop their packets. Then sends a probe. A second call changes nothing.
 * Throws NetupError, with all changes undone, if a step fails. If every step succeeds and packets still do not pass, the
 * result names what drops them and has exit code 3.
 */
export async function netup(options: NetupOptions = {}, probe?: Probe): Promise<NetupResult> {
  const system = options.system ?? machine;
  const asked = settle(options);
  const path = options.record === false ? null : statePath(system);
  const release = path !== null && options.dryRun !== true && isPrivileged(system) ? system.lock() : null;
  try {
    return await make(system, options, asked, path, probe);
  } finally {
    release?.();
  }
}

async function make(
  system: System,
  options: NetupOptions,
  asked: Settings,
  path: string | null,
  probe: Probe | undefined,
): Promise<NetupResult> {
  const before = path === null ? null : readState(system, path);
  requireSame(asked, before);
  const settings = { ...asked, uplink: asked.uplink ?? before?.setup.uplink ?? null };
  const names = settings.sides.map((side) => side.name);
  const facts = detect(system, names);
  const made = plan(facts, settings, before?.changes);
  const dryRun = options.dryRun === true;
  if (dryRun) return result(settings, made, facts, path, null, made.findings, dryRun);
  if (!facts.privileged) {
    throw notRoot("netup", system, settings.program);
  }
  if (path !== null) system.sweep();
  const ledger = new Ledger(system, path, setupOf(settings, made.uplink), before);
  apply(system, made.steps, ledger);
  ledger.settle();
  // Loaded only here, so that everything else works where libc cannot be loaded.
  const report = (probe ?? (await import("./probe.ts")).probe)(system, settings);
  return result(settings, made, facts, path, report, judged(made, facts, settings, report), dryRun);
}

function requireSame(settings: Settings, before: State | null): void {
  if (before === null) return;
  const names = settings.sides.map((side) => side.name).join(",");
  const standing = before.setup.names.join(",");
  if (names === standing) return;
  const fix = `sudo ${settings.program} netdown, then netup again`;
  throw notReady("netup was already run with other devices", `it set up ${standing}, not ${names}`, fix);
}

/** The plan's findings and the probe's. If the probe arrived, the plan's warnings are dropped. */
function judged(made: Plan, facts: Facts, settings: Settings, report: ProbeReport): Finding[] {
  if (report.outcome === "passed") return made.findings.filter((finding) => finding.level === "note");
  if (report.outcome === "untried") {
    const what = "no probe was sent";
    return [...made.findings, { level: "note", what, why: report.why, fix: "" }];
  }
  const causes = report.trials.filter((trial) => !trial.arrived).map((trial) => explain(facts, settings, trial));
  const first = causes.filter((cause, i) => causes.findIndex((other) => other.fix === cause.fix) === i);
  const fixes = first.map((cause) => cause.fix);
  return [...made.findings.filter((finding) => !fixes.includes(finding.fix)), ...first];
}

function result(
  settings: Settings,
  made: Plan,
  facts: Facts,
  stateFile: string | null,
  probe: ProbeReport | null,
  findings: readonly Finding[],
  dryRun: boolean,
): NetupResult {
  const { owner, program } = settings;
  const sides = settings.sides.map(sideResult);
  const canOpen = owner !== null && ((facts.tunMode ?? 0) & 0o006) === 0o006;
  const call = `${canOpen ? "" : "sudo "}${program}`;
  const [host, peer] = sides as [SideResult, SideResult];
  return {
    schema: "tcpnet.netup/1",
    dryRun,
    exitCode: findings.some((finding) => finding.level === "fail") ? EXIT_NOT_READY : EXIT_OK,
    sides,
    owner: owner?.name ?? null,
    uplink: made.uplink,
    steps: made.steps.map((step) => ({
      kind: step.kind,
      subject: step.subject,
      title: step.title,
      commands: step.actions.map(actionText),
      input: step.actions.map((action) => ("run" in action ? action.stdin : undefined)).find((text) => text) ?? null,
    })),
    findings,
    probe,
    stateFile,
    next: host.kernel.flatMap((kernel, i) => [
      `${call} host ${host.name} ${kernel} ${peer.stack[i]}`,
      `${call} peer ${peer.name} ${peer.kernel[i]} ${host.stack[i]}`,
    ]),
    undo: `sudo ${program} netdown`,
  };
}

function sideResult(side: Side): SideResult {
  return {
    role: side.role,
    name: side.name,
    kernel: side.prefixes.map(String),
    stack: stackAddresses(side).map(String),
  };
}

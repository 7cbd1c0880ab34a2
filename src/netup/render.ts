import type { NetdownResult } from "./netdown.ts";
import type { NetupResult } from "./netup.ts";
import type { ProbeReport, Trial } from "./probe.ts";
import type { Answer, StatusResult } from "./status.ts";
import type { Finding } from "./step.ts";

/** Plain lines for people, without colour: the command line adds it. */

/** What netup did, or would do. */
export function renderNetup(result: NetupResult): string[] {
  const lines = [result.dryRun ? "tcpnet netup: plan (nothing was changed)" : "tcpnet netup"];
  for (const step of result.steps) {
    lines.push(`  ${step.kind.padEnd(7)} ${step.subject.padEnd(11)} ${step.title}`);
    if (!result.dryRun) continue;
    for (const command of step.commands) lines.push(`             ${command}`);
    if (step.input !== null) lines.push("             (--dry-run --json shows its input)");
  }
  if (result.steps.length === 0) lines.push("  everything is already set up");
  for (const trials of result.probe === null ? [] : probeText(result.probe)) lines.push(`  probe   ${trials}`);
  for (const finding of result.findings) lines.push(...renderFinding(finding));
  if (result.exitCode !== 0) {
    lines.push(`  the setup stays in place; undo it with: ${result.undo}`);
    return lines;
  }
  lines.push(...renderMap(result));
  for (const command of result.next) lines.push(`  next    ${command}`);
  const state = result.stateFile === null ? "" : `      state: ${result.stateFile}`;
  lines.push(`  undo    ${result.undo}${state}`);
  return lines;
}

/** One line for each family. If no probe was sent, a finding says so. */
function probeText({ trials }: ProbeReport): string[] {
  const way = ({ from, to, arrived, ms }: Trial) =>
    `${from} → ${to} ${arrived ? `✓ ${ms.toFixed(1)} ms` : "✗ did not arrive"}`;
  return ([4, 6] as const)
    .map((family) => trials.filter((trial) => trial.family === family).map(way))
    .filter((ways) => ways.length > 0)
    .map((ways, i) => `${ways.join("   ")}${i === 0 ? "" : "   IPv6"}`);
}

/** The addresses of the kernel and of the stack on both sides. */
function renderMap(result: NetupResult): string[] {
  const [host, peer] = result.sides;
  if (host === undefined || peer === undefined) return [];
  return host.kernel.map((kernel, i) => {
    const bare = (cidr: string | undefined) => (cidr ?? "").split("/")[0];
    const middle = `${bare(kernel)} ${host.name} ┄ kernel ┄ ${peer.name} ${bare(peer.kernel[i])}`;
    return `  map     host ${host.stack[i]} ─ ${middle} ─ ${peer.stack[i]} peer`;
  });
}

const SIGNS = { note: "·", warn: "!", fail: "✗" } as const;

/** The narrowest terminal in common use. */
const COLUMNS = 80;

export function renderFinding({ level, what, why, fix }: Finding): string[] {
  const head = `  ${SIGNS[level]} ${what}`;
  const one = why === "" ? head : `${head}: ${why}`;
  const lines = one.length <= COLUMNS ? [one] : [head, `      ${why}`];
  if (fix !== "") lines.push(`      ${fix}`);
  return lines;
}

export function renderNetdown(result: NetdownResult): string[] {
  if (result.undone.length === 0) return ["tcpnet netdown: nothing to do"];
  const lines = [result.dryRun ? "tcpnet netdown: plan (nothing was changed)" : "tcpnet netdown"];
  const words = {
    planned: "",
    restored: "undone",
    gone: "was gone",
    left: "left",
    failed: "✗ failed",
    removed: "removed",
  } as const;
  for (const { outcome, text } of result.undone) {
    lines.push(outcome === "planned" ? `  ${text}` : `  ${words[outcome].padEnd(9)} ${text}`);
  }
  if (result.exitCode !== 0) lines.push("  what failed stays in the state file; run netdown again to retry it");
  return lines;
}

const WORDS: Readonly<Record<Answer, string>> = { yes: "yes", no: "no", unknown: "unknown (needs root)" };

/** The text of status: one screen. */
export function renderStatus(result: StatusResult): string[] {
  const lines = [`tcpnet status      kernel ${result.kernel}`];
  for (const link of result.links) {
    const who = `${link.ours ? "ours" : "NOT OURS"}, owner ${link.owner ?? "root"}`;
    const state = `${link.up ? "up" : "DOWN"}, ${link.attached ? "in use" : "free"}`;
    lines.push(`  device   ${link.name.padEnd(8)} ${state}, ${who}, mtu ${link.mtu}, queue ${link.queue}`);
    for (const address of link.addresses) lines.push(`             ${address} (kernel)`);
    lines.push(`             in ${traffic(link.rx)}; out ${traffic(link.tx)}`);
  }
  for (const name of result.missing) lines.push(`  device   ${name.padEnd(8)} not there`);
  for (const route of result.routes) {
    lines.push(`  route    ${route.to} dev ${route.dev}${route.via === null ? "" : ` via ${route.via}`}`);
  }
  const { global, ipv4, ipv6 } = result.forwarding;
  const each = Object.keys(ipv4).map((name) => `${name} ${WORDS[ipv4[name]!]} (IPv6 ${WORDS[ipv6[name]!]})`);
  lines.push(`  forward  ${[...each, `whole machine ${WORDS[global]}`].join(", ")}`);
  lines.push(`  notrack  connection tracking off: ${WORDS[result.untracked]}`);
  if (result.rules !== "unknown") {
    for (const { where, rule, packets, bytes } of result.rules)
      lines.push(`  rule     ${where}: ${rule}`, `             ${traffic({ packets, bytes, dropped: 0 })}`);
  }
  if (result.firewalls === "unknown") lines.push(`  firewall ${WORDS.unknown}`);
  else if (result.firewalls.length === 0) lines.push("  firewall none that drops forwarded packets");
  else {
    for (const { firewall, trusts, detail } of result.firewalls) {
      lines.push(`  firewall ${firewall}: trusts the lab: ${trusts} (${detail})`);
    }
  }
  for (const finding of result.findings) lines.push(...renderFinding(finding));
  lines.push(
    result.since === null ? "  state    no state file" : `  state    since ${clock(result.since)}, ${result.stateFile}`,
  );
  return lines;
}

function traffic({ packets, bytes, dropped }: StatusResult["links"][number]["rx"]): string {
  return `${packets} ${packets === 1 ? "packet" : "packets"}, ${bytes} B${dropped > 0 ? `, ${dropped} DROPPED` : ""}`;
}

/** Local time: "2026-11-22 16:46". */
function clock(iso: string): string {
  return new Date(iso).toLocaleString("sv-SE").slice(0, "2026-11-22 16:46".length);
}

/** One JSON object that names its schema. */
export function toJson(result: NetupResult | NetdownResult | StatusResult): string {
  return JSON.stringify(result, null, 2);
}

/**
 * `bun test/kernel/explore.ts [N] [SEED] [STEPS] [MIX] [PROFILE]`: N random conversations from SEED on, written down as our stack has them,
 * against this machine's kernel. What differs is printed, and its script kept in a folder of the temporary directory. MIX `sender` (most
 * data is ours) or `receiver` (the peer's); PROFILE `default` (what users get) or `linux` (with Linux' buffers, to the letter).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onKernel } from "#cli/drill-kernel";
import { played } from "#lab/drill/main";
import { scriptLines } from "#lab/drill/report";
import type { TcpSettings } from "#tcp/words/params";
import { conversation } from "./conversation.ts";

const [n = 50, first = 1, steps = 12] = process.argv.slice(2, 5).map(Number);
/** The defaults, with the buffers of the kernel's settings. */
const DEFAULTS = { receiveBuffer: 65_536, receiveBufferMax: 15 << 20 };
const settings = process.argv[6] === "linux" ? undefined : DEFAULTS;
/**
 * Rules of ours that differ from Linux on purpose (differences.md). A conversation that differs is written anew with Linux's rule instead; if
 * the kernel agrees with that, the rule is the only difference.
 */
const ON_PURPOSE: readonly (readonly [string, TcpSettings])[] = [
  ["no-sample-from-before-a-timeout", { staleSamples: true }],
  ["send-buffer-counts-payload", { sendBufferCounts: "memory" }],
  ["both", { staleSamples: true, sendBufferCounts: "memory" }],
];
const mix = process.argv[5] === "receiver" ? "receiver" : "sender";
const folder = join(tmpdir(), "tcpnet-explore");
mkdirSync(folder, { recursive: true });

const files: string[] = [];
for (let seed = first; seed < first + n; seed++) {
  const text = conversation(seed, steps, mix, settings);
  if (text === undefined) continue;
  files.push(join(folder, `${mix}-${seed}.pkt`));
  writeFileSync(files.at(-1)!, text);
}
const play = onKernel({ profile: "linux", defines: new Map(), options: new Map(), strict: true, seed: 1 });
let agree = 0;
const purpose = new Map<string, number>();
for await (let reported of played(files, play, 6)) {
  for (let tries = 2; tries > 0 && reported.result.status !== "ok"; tries--) reported = await play(reported.file);
  if (reported.result.status === "ok") {
    agree++;
    continue;
  }
  const rule = await ruleBehind(Number(/(\d+)\.pkt$/.exec(reported.file)?.[1]));
  if (rule !== undefined) purpose.set(rule, (purpose.get(rule) ?? 0) + 1);
  console.log([...scriptLines(reported, false), ...(rule === undefined ? [] : [`    on purpose: ${rule}`])].join("\n"));
}
const known = [...purpose].map(([rule, times]) => `, ${times} differ by ${rule}`).join("");
const rest = files.length - agree - [...purpose.values()].reduce((sum, times) => sum + times, 0);
console.log(`${files.length} conversations: ${agree} agree${known}, ${rest} differ`);
process.exitCode = rest === 0 ? 0 : 1;

/** The rule without which the conversation of that seed agrees with the kernel. */
async function ruleBehind(seed: number): Promise<string | undefined> {
  for (const [rule, settingsOfLinux] of ON_PURPOSE) {
    const text = conversation(seed, steps, mix, { ...settings, ...settingsOfLinux });
    if (text === undefined || text === conversation(seed, steps, mix, settings)) continue;
    const file = join(folder, `${mix}-${seed}-${rule}.pkt`);
    writeFileSync(file, text);
    for (let tries = 2; tries > 0; tries--) if ((await play(file)).result.status === "ok") return rule;
  }
  return undefined;
}

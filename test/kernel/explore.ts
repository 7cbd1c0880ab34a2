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
import { conversation } from "./conversation.ts";

const [n = 50, first = 1, steps = 12] = process.argv.slice(2, 5).map(Number);
/** The defaults, with the buffers of the kernel's settings. */
const DEFAULTS = { receiveBuffer: 65_536, receiveBufferMax: 15 << 20 };
const settings = process.argv[6] === "linux" ? undefined : DEFAULTS;
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
for await (let reported of played(files, play, 6)) {
  for (let tries = 2; tries > 0 && reported.result.status !== "ok"; tries--) reported = await play(reported.file);
  if (reported.result.status === "ok") agree++;
  else console.log(scriptLines(reported, false).join("\n"));
}
console.log(`${files.length} conversations: ${agree} agree`);
process.exitCode = agree === files.length ? 0 : 1;

/** Makes the pictures of README.md by the program itself: `just pictures`. Needs chromium and tmux. All but that of `run` are of simulated runs, so the same code makes the same pictures. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { SECOND } from "#base/time";
import { draw } from "#cli/watch/draw";
import { WatchModel } from "#cli/watch/model";
import { dashboard } from "#cli/watch/sim-view";
import { parseLinks } from "#device/link-words";
import { beginTransfer } from "#lab/sim/transfer";
import type { RunEvent } from "#observe/events";
import { clockText } from "#observe/units";
import { Words } from "#observe/words";
import { ROOT } from "../support/root.ts";
import { runPicture } from "./run-picture.ts";
import { terminalSvg } from "./terminal-svg.ts";

const PICTURES = join(ROOT, "docs/pictures");
const TCPNET = join(ROOT, "src/cli/tcpnet.sh");
const LINK = "delay 20ms rate 10mbit queue 60 loss 0.1%";

/** The dashboard of `sim --watch` as it is after so many virtual seconds. */
function dashboardPicture(seconds: number): string {
  const words = new Words();
  const log: string[] = [];
  const sink = {
    event(event: RunEvent) {
      const text = words.tell(event);
      if (text !== null && event.event.startsWith("recovery:")) log.push(`${clockText(event.time)}  ! ${text}`);
    },
  };
  const buffers = { sendBuffer: 4 << 20, receiveBuffer: 4 << 20, receiveBufferMax: 4 << 20 };
  const run = beginTransfer({
    seed: 1,
    link: parseLinks(LINK),
    mtu: 1500,
    family: 4,
    flows: 1,
    direction: "there",
    bytes: Number.POSITIVE_INFINITY,
    time: 60 * SECOND,
    params: [buffers],
    stalls: [],
    sink,
  });
  let at = 0;
  const watched = dashboard(run, { seed: 1, speed: 1, whyFixed: "" }, () => at);
  const model = new WatchModel(watched);
  while (at < seconds * SECOND) {
    run.runUntil((at += SECOND / 10));
    for (const line of log.splice(0)) model.say(line);
    model.take(watched.ends(), watched.link());
  }
  const rows = draw(model.frame(at), { columns: 100, rows: 26, utf8: true, colours: true });
  return terminalSvg(rows, "tcpnet sim --watch: the dashboard in a terminal");
}

/** The ladder of a lesson, without its text. */
function ladderPicture(): string {
  const lines = output("lesson", "fast-retransmit").split("\n");
  const [first, last] = [
    lines.findIndex((line) => /left +right$/.test(line)),
    lines.findIndex((line) => / again ─/.test(line)),
  ];
  const rows = ["$ tcpnet lesson fast-retransmit", "", ...lines.slice(0, 1), "", ...lines.slice(first, last + 2)];
  const coloured = rows.map((row) =>
    /✗ lost/.test(row)
      ? `\x1b[33m${row}\x1b[39m`
      : / again ─/.test(row)
        ? `\x1b[31m${row}\x1b[39m`
        : row.includes("←")
          ? `\x1b[32m${row}\x1b[39m`
          : row,
  );
  return terminalSvg(coloured, "tcpnet lesson fast-retransmit: the ladder of its packets");
}

/** The top of the page of a run with losses. */
async function reportPicture(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-pictures-"));
  try {
    const page = join(folder, "report.html");
    output(
      "sim",
      "--bytes",
      "1M",
      "--link",
      "delay 20ms rate 10mbit queue 40 loss 0.3%",
      "--seed",
      "5",
      "--report",
      page,
    );
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    const browser = await chromium.launch({ executablePath: Bun.which("chromium")!, args });
    const tab = await browser.newPage({ viewport: { width: 1100, height: 875 }, colorScheme: "light" });
    await tab.goto(`file://${page}`);
    await tab.waitForFunction("document.documentElement.dataset.ready !== undefined");
    const png = await tab.screenshot();
    await browser.close();
    return png;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function output(...args: readonly string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([TCPNET, ...args], { env: { ...process.env, NO_COLOR: "1" } });
  if (exitCode !== 0) throw new Error(`tcpnet ${args.join(" ")}: ${stderr}`);
  return stdout.toString();
}

writeFileSync(join(PICTURES, "dashboard.svg"), dashboardPicture(14));
writeFileSync(join(PICTURES, "ladder.svg"), ladderPicture());
writeFileSync(join(PICTURES, "report.png"), await reportPicture());
writeFileSync(join(PICTURES, "run.svg"), await runPicture());
console.log(`four pictures in ${PICTURES}`);

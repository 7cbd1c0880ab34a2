/** `tcpnet run` as a person sees it: typed into a real terminal (tmux), in a network namespace that stands for the machine and everything outside. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { builtProgram } from "../support/built-program.ts";
import { Namespace } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";
import { terminalSvg } from "./terminal-svg.ts";

const FAR = "198.51.100.9";
const COLUMNS = 100;
const ROWS = 40;
/** What is typed, and the last thing that it prints. */
const SESSION = [
  [`./tcpnet run --loss 3% --delay 80ms -- ping -c 3 ${FAR}`, /flows/],
  [`./tcpnet run --loss 1% --delay 20ms --report run.html -- wget -nv http://${FAR}:8000/file`, /report: /],
] as const;
const WAIT_MS = 60_000;

export async function runPicture(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-picture-"));
  const ns = await Namespace.create(["tmux"]);
  try {
    symlinkSync(resolve(ROOT, await builtProgram()), join(folder, "tcpnet"));
    mkdirSync(join(folder, "www"));
    writeFileSync(join(folder, "www/file"), new Uint8Array(1_000_000));
    for (const address of [`${FAR}/32`, "2001:db8::9/128"]) await ns.must(["ip", "addr", "add", address, "dev", "lo"]);
    await ns.must(["sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"]);
    const servers = ns.spawn([process.execPath, join(ROOT, "test/e2e/run-servers.ts"), join(folder, "www")]);
    await servers.stderr.getReader().read();
    const tmux = (...words: string[]) => ns.must(["tmux", "-S", join(folder, "tmux"), "-f", "/dev/null", ...words]);
    const shell = `cd ${folder} && exec env -u LC_ALL -u NO_COLOR LANG=C.UTF-8 PS1='$ ' bash --norc`;
    await tmux("new-session", "-d", "-x", `${COLUMNS}`, "-y", `${ROWS}`, shell);
    const look = () => tmux("capture-pane", "-p", "-J");
    await shown(look, "", /^\$/);
    for (const [command, last] of SESSION) {
      await tmux("send-keys", "-l", command);
      await tmux("send-keys", "Enter");
      await shown(look, command, last);
    }
    const screen = (await tmux("capture-pane", "-e", "-p")).trimEnd().split("\n");
    await tmux("kill-server");
    // The last line is an empty prompt.
    return terminalSvg(screen.slice(0, -1), "tcpnet run in a terminal");
  } finally {
    await ns.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until the command has printed its last line and the shell is back. */
async function shown(look: () => Promise<string>, command: string, last: RegExp): Promise<void> {
  const until = performance.now() + WAIT_MS;
  while (performance.now() < until) {
    const screen = (await look()).trimEnd();
    const after = command === "" ? screen : screen.slice(screen.lastIndexOf(command) + command.length);
    if (last.test(after) && /^\$$/m.test(screen)) return;
    await Bun.sleep(50);
  }
  throw new Error(`${command} has not printed ${last}`);
}

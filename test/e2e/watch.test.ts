/** The dashboard in a terminal emulator: what is seen at three sizes, what its keys do, and that the terminal is as before after any end. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { HOST, type Lab, labTest, labTestWith, PEER } from "./lab.ts";

interface Look {
  readonly columns: number;
  readonly rows: number;
  readonly env: string;
}

/** A shell in tmux. Its socket is in the test's folder, so nobody else's tmux is touched. */
class Terminal {
  static #opened = 0;
  readonly #lab: Lab;
  readonly #socket: string;

  private constructor(lab: Lab) {
    this.#lab = lab;
    // A server of its own: the one before may be ending.
    this.#socket = lab.file(`tmux-${Terminal.#opened++}`);
  }

  static async open(lab: Lab, line: string, { columns = 100, rows = 30, env = "LANG=C.UTF-8" }: Partial<Look> = {}) {
    const terminal = new Terminal(lab);
    // The shell stays, and tells how the command ended and how it left the terminal.
    const script = `trap : INT\n${line.replaceAll("$T", TCPNET.join(" "))}\necho "code $?"\nstty -a | grep -Eo -- '-?(icanon|echo)\\b'\nexec cat\n`;
    writeFileSync(lab.file("line.sh"), script);
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    const command = `env -u NO_COLOR -u LC_ALL -u LC_CTYPE ${env} sh ${lab.file("line.sh")}`;
    await terminal.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", ...size, command);
    return terminal;
  }

  async tmux(...args: readonly string[]): Promise<string> {
    return await this.#lab.ns.must([
      "env",
      "LANG=C.UTF-8",
      "TERM=xterm-256color",
      "tmux",
      "-u",
      "-S",
      this.#socket,
      ...args,
    ]);
  }

  async keys(...keys: readonly string[]): Promise<void> {
    await this.tmux("send-keys", "-t", "t", ...keys);
  }

  /** What is on the screen; with what has scrolled out of it. */
  async screen(): Promise<string> {
    return await this.tmux("capture-pane", "-p", "-t", "t", "-S", "-200");
  }

  /** Waits until the screen shows this; returns it. */
  async shows(words: RegExp): Promise<string> {
    let screen = "";
    for (let i = 0; i < 300; i++) {
      screen = await this.screen();
      if (words.test(screen)) return screen;
      await Bun.sleep(100);
    }
    throw new Error(`the screen never showed ${words}:\n${screen}`);
  }

  /** Whether the other screen is on, and the cursor visible. */
  async state(): Promise<string> {
    return (await this.tmux("display", "-p", "-t", "t", "other #{alternate_on} cursor #{cursor_flag}")).trim();
  }

  async modes(): Promise<string> {
    const tty = (await this.tmux("display", "-p", "-t", "t", "#{pane_tty}")).trim();
    const all = await this.#lab.ns.must(["stty", "-a", "-F", tty]);
    return (all.match(/(?<!\S)-?(?:icanon|echo)\b(?!\w)/g) ?? []).join(" ");
  }

  async close(): Promise<void> {
    await this.tmux("kill-server");
  }
}

const SLOW = "$T demo --watch --size 20M --delay 20ms --rate 8mbit --queue 60";
/** After every end: the first screen, a cursor, lines and echo. */
const AS_BEFORE = "other 0 cursor 1";
const LINES = /code \d+\nicanon\necho$/m;

for (const [columns, rows] of [
  [100, 30],
  [80, 24],
  [40, 12],
] as const) {
  labTestWith(
    ["tmux"],
    `the dashboard of the demo fills ${columns}×${rows}, moves, and leaves its last picture`,
    async (lab) => {
      const terminal = await Terminal.open(lab, SLOW, { columns, rows });
      await terminal.shows(/sending +[\d.]+ Mbit/);
      const screen = (await terminal.tmux("capture-pane", "-p", "-t", "t")).trimEnd().split("\n");
      expect(screen.length).toBe(rows);
      expect(screen[0]).toMatch(/^┌─ .*ESTABLISHED.*┐$/);
      expect(screen.at(-1)).toMatch(/^└─ .*q quit.*┘$/);
      for (const row of screen) expect(Bun.stringWidth(row)).toBe(columns);
      expect(await terminal.shows(/limit .*cwnd \d+ %/)).toMatch(/(?:cwnd) +[\d.]+ kB/);
      expect(await terminal.state()).toBe("other 1 cursor 0");
      await terminal.keys("q");
      const left = await terminal.shows(LINES);
      expect(left).toContain("code 130\n");
      expect(left).toMatch(/sending +[\d.]+ /);
      expect(await terminal.state()).toBe(AS_BEFORE);
      await terminal.close();
    },
    { netup: null },
  );
}

labTestWith(
  ["tmux"],
  "keys change the link, as tcpnet link shows; h helps, space freezes, a new size is filled",
  async (lab) => {
    const terminal = await Terminal.open(lab, SLOW);
    await terminal.shows(/sending +[\d.]+ Mbit/);
    await terminal.keys("l", "d");
    await terminal.shows(/the link is now: delay 50ms loss 0.5% rate 8mbit queue 60/);
    const link = await lab.tcpnet("link", "show", "--dev", "demo").ended;
    expect(link.stderr.toString()).toBe("");
    expect(link.stdout.toString()).toStartWith("delay 50ms loss 0.5% rate 8mbit queue 60\n");
    await terminal.keys("h");
    await terminal.shows(/├─ keys ─/);
    await terminal.keys("h", "Space");
    const frozen = await terminal.shows(/FROZEN/);
    await Bun.sleep(500);
    expect(await terminal.screen()).toBe(frozen);
    await terminal.keys("Space");
    await terminal.tmux("resize-window", "-t", "t", "-x", "72", "-y", "20");
    const smaller = await terminal.shows(/^┌─[^\n]{69}┐\n[\s\S]*\n└─[^\n]{69}┘$/m);
    expect(smaller.trimEnd().split("\n").length).toBe(20);
    await terminal.tmux("resize-window", "-t", "t", "-x", "30", "-y", "8");
    await terminal.shows(/40x10 or more/);
    await terminal.keys("C-c");
    await terminal.shows(/code 130/);
    expect(await terminal.state()).toBe(AS_BEFORE);
    await terminal.close();
  },
  { netup: null },
);

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const) {
  labTestWith(
    ["tmux"],
    `the terminal is as before after ${signal} to the demo`,
    async (lab) => {
      const pid = lab.file("pid");
      const terminal = await Terminal.open(lab, `sh -c 'echo $$ > ${pid}; exec ${SLOW}'`);
      await terminal.shows(/sending +[\d.]+ Mbit/);
      process.kill(Number(readFileSync(pid, "utf8")), signal);
      // What the shell says after SIGKILL may be on the other screen, which is gone.
      if (signal !== "SIGKILL") await terminal.shows(LINES);
      for (let i = 0; i < 50 && (await terminal.state()) !== AS_BEFORE; i++) await Bun.sleep(100);
      expect(await terminal.state()).toBe(AS_BEFORE);
      expect(await terminal.modes()).toBe("icanon echo");
      await terminal.close();
    },
    { netup: null },
  );
}

labTestWith(
  ["tmux"],
  "Ctrl-Z gives the terminal to the shell, and fg brings the dashboard back",
  async (lab) => {
    const terminal = await Terminal.open(lab, "PS1='ready> ' sh -i");
    await terminal.shows(/ready>/);
    await terminal.keys(SLOW.replace("$T", TCPNET.join(" ")), "Enter");
    await terminal.shows(/sending +[\d.]+ Mbit/);
    await terminal.keys("C-z");
    await terminal.shows(/Stopped/);
    expect(await terminal.state()).toBe(AS_BEFORE);
    await terminal.keys("stty -a | grep -Eo -- '-?(icanon|echo)\\b'", "Enter");
    await terminal.shows(/^icanon\necho$/m);
    await terminal.keys("fg", "Enter");
    await terminal.shows(/^└─ .*q quit.*┘$/m);
    expect(await terminal.state()).toBe("other 1 cursor 0");
    await terminal.keys("q");
    await terminal.shows(/ready>\s*$/);
    expect(await terminal.state()).toBe(AS_BEFORE);
    await terminal.close();
  },
  { netup: null },
);

labTestWith(
  ["tmux"],
  "host shows its connection in ASCII where the locale is C, and ends with a summary below",
  async (lab) => {
    const terminal = await Terminal.open(lab, `$T ${HOST.join(" ")} --watch --discard --keep`, {
      env: "LANG=C NO_COLOR=1",
    });
    await terminal.shows(/nobody is connected/);
    lab.random("a", 2_000_000);
    const peer = lab.tcpnet(...PEER, "--send", lab.file("a"), "--rate", "4mbit", "--delay", "10ms");
    const screen = await terminal.shows(/receiving +[\d.]+ Mbit/);
    expect(screen).toMatch(/^[\x20-\x7e\n]*$/);
    // The keyboard is the dashboard's, and there is no link.
    await terminal.keys("l");
    await terminal.shows(/the link cannot be changed: start with a link flag/);
    peer.endInput();
    expect((await peer.ended).code).toBe(0);
    await terminal.shows(/closed by both sides/);
    await terminal.keys("q");
    expect(await terminal.shows(LINES)).toMatch(/served 1 connection\n/);
    expect(await terminal.state()).toBe(AS_BEFORE);
    await terminal.close();
  },
);

labTestWith(
  ["tmux"],
  "sim plays in real time: its link can be changed, unless a seed is to repeat it, and the table follows the last picture",
  async (lab) => {
    const terminal = await Terminal.open(lab, "$T sim --watch --bytes 30M");
    await terminal.shows(/sending +[\d.]+ Mbit/);
    await terminal.keys("l");
    await terminal.shows(/the link is now: delay 20ms loss 0.5% rate 10mbit queue 100/);
    await terminal.keys("q");
    const left = await terminal.shows(LINES);
    expect(left).toMatch(
      /sending +[\d.]+ [\s\S]*┘\nlink {2}delay 20ms rate 10mbit queue 100, seed 1\n[\s\S]*does not repeat/,
    );
    expect(left).toContain("code 130\n");
    expect(await terminal.state()).toBe(AS_BEFORE);
    await terminal.close();
    const saving = await Terminal.open(lab, `$T sim --watch --speed 10 --bytes 5M --save ${lab.file("run.replay")}`);
    await saving.shows(/sending +[\d.]+ .bit/);
    await saving.keys("l");
    expect(await saving.shows(LINES)).toContain("code 0\n");
    await saving.close();
    const replayed = await lab.tcpnet("replay", lab.file("run.replay"), "-o", lab.file("page.html")).ended;
    expect(replayed.code).toBe(0);
  },
  { netup: null },
);

labTest(
  "without a terminal a long transfer has a line per second on standard error; --quiet silences it",
  async (lab) => {
    lab.random("a", 1_500_000);
    const flags = ["--send", lab.file("a"), "--rate", "3mbit"];
    for (const more of [[], ["--watch"], ["--quiet"]]) {
      const host = lab.tcpnet(...HOST, "--recv", lab.file("copy"), "--quiet");
      host.endInput();
      const peer = lab.tcpnet(...PEER, ...flags, ...more);
      peer.endInput();
      const { code, stdout, stderr } = await peer.ended;
      expect([code, stdout.length]).toEqual([0, 0]);
      await host.ended;
      const lines =
        stderr.match(
          /^ +[\d.]+ {2}· out +[\d.]+ kB +[\d.]+ Mbit\/s {2}retr \d+ {2}cwnd [\d.]+ kB {2}rtt [\d.]+ m?s$/gm,
        ) ?? [];
      if (more[0] === "--quiet") expect(stderr).toBe("");
      else expect(lines.length).toBeGreaterThanOrEqual(2);
    }
  },
);

labTest("--watch is refused where it cannot work, and with --json gives figures ten times a second", async (lab) => {
  const quiet = await lab.tcpnet(...HOST, "--watch", "--quiet").ended;
  expect([quiet.code, quiet.stderr]).toEqual([2, expect.stringContaining("--quiet and --watch exclude each other")]);
  const queues = await lab.tcpnet(...HOST, "--watch", "--echo", "--queues", "2").ended;
  expect([queues.code, queues.stderr]).toEqual([2, expect.stringContaining("--watch is for one queue")]);
  const demo = await lab.tcpnet("demo", "--json", "--watch", "--rate", "4mbit", "--size", "500k").ended;
  const told = demo.stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const intervals = told.filter(({ event, role }) => event === "interval" && role === "peer");
  expect(intervals.length).toBeGreaterThan(5);
  expect(intervals[0].link).toMatchObject({ words: "rate 4mbit", names: ["out", "in"] });
  expect(intervals.some(({ info }) => info.limitedBy === "congestion-window")).toBe(true);
});

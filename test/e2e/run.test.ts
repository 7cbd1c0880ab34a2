/** `tcpnet run`: any program behind this stack. What it reaches and what not, how it ends, and what is left: nothing. */
import { expect } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { builtProgram, TCPNET } from "../support/built-program.ts";
import { descendantsOf, rightsOf } from "./privileges.ts";
import { at, FAR, FAR_6, runTest, SUM } from "./run-world.ts";

runTest(["curl", "wget"], "curl and wget fetch by address, by name and over IPv6, and send", async ({ sh }) => {
  const { code, stdout, stderr } = await sh(
    [],
    `set -e
     for url in http://${FAR}:8000/data http://some.example:8000/data "http://[${FAR_6}]:8000/data"
     do curl -sS "$url" | sha1sum; done
     wget -q -O - http://${FAR}:8000/data | sha1sum
     curl -sS --data-binary @data http://${FAR}:8000/echo | sha1sum
     curl -sS http://${FAR}:8000/who`,
  );
  expect([code, stderr, stdout]).toEqual([0, "", `${`${SUM}  -\n`.repeat(5)}${FAR}`]);
});

runTest(
  ["python3"],
  "refused is refused, unreachable is unreachable, and what is forbidden is unreachable, at once",
  async ({ sh }) => {
    const { stdout } = await sh(
      [],
      `python3 -c '
import socket, time
began = time.time()
for where in [("${FAR}", 1), ("203.0.113.1", 80), ("2001:db8:1::1", 80), ("10.0.2.2", 8000), ("10.0.2.77", 80), ("fd00::2", 8000)]:
  try: socket.create_connection(where, 5); print("open")
  except OSError as error: print(error.errno)
for port in [1, 7]:
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  s.connect(("${FAR}", port)); s.settimeout(5)
  s.send(b"hi")
  try: print(s.recv(100))
  except OSError as error: print(error.errno)
s = socket.create_connection(("${FAR}", 9)); s.settimeout(5); s.send(b"?")
try: print(s.recv(1))
except OSError as error: print(error.errno)
print(time.time() - began < 5)'`,
    );
    // ECONNREFUSED, ENETUNREACH, EHOSTUNREACH; IPv6's prohibited is EACCES; ECONNRESET.
    expect(stdout).toBe("111\n101\n101\n113\n113\n13\n111\nb'hi'\n104\nTrue\n");
  },
);

runTest(
  ["dig", "ping", "curl"],
  "names go to the given resolver, pings go out, and the machine's loopback is there only on demand",
  async ({ ns, sh }) => {
    await ns.must(["sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"]);
    const closed = await sh(
      [],
      `dig +short some.example; dig +short @10.0.2.3 other.example; ping -c 1 -W 5 ${FAR} | grep -c "1 received"
     ping -c 1 -W 5 ${FAR_6} | grep -c "1 received"; cat /etc/resolv.conf | grep nameserver`,
    );
    expect(closed.stdout).toBe(`${FAR}\n${FAR}\n1\n1\nnameserver 10.0.2.3\n`);
    const open = await sh(["--host-loopback"], 'curl -sS http://10.0.2.2:8000/who "http://[fd00::2]:8000/who"');
    expect(open.stdout).toBe("127.0.0.1::1");
  },
);

runTest(
  ["python3", "ping"],
  "what this machine forbids is told as such, also of datagrams and pings; in a run within a run everything is as in one",
  async ({ ns, run, sh }) => {
    await ns.must(["ip", "route", "add", "prohibit", "203.0.113.5"]);
    await ns.must(["sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"]);
    const datagram = `python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("203.0.113.5", 80)); s.settimeout(5); s.send(b"?")
try: print(s.recv(1))
except OSError as error: print(error.errno)'`;
    const forbidden = await sh([], `${datagram}; ping -c 1 -W 5 203.0.113.5`);
    expect(forbidden.stdout).toMatch(/^113\n[\s\S]*Packet filtered/);
    const within = await run([], [...TCPNET, "run", "--", "ping", "-c", "1", "-W", "5", FAR]);
    expect(within.stdout).toContain("1 received");
  },
);

runTest(
  [],
  "without an /etc/resolv.conf to replace the command runs, and is warned; what is no program is told",
  async ({ ns }) => {
    const flags = ["run", "-v", "--"];
    // Another /etc, in a mount namespace of its own.
    const bare = `mount -t tmpfs tmpfs /mnt && cp /etc/passwd /etc/group /mnt && mount --bind /mnt /etc && exec "$@"`;
    const words = ["unshare", "--mount", "sh", "-c", bare, "sh", ...TCPNET, ...flags, "sh", "-c", "exit 5"];
    expect(await ns.run(words)).toMatchObject({ code: 5, stderr: expect.stringContaining("cannot resolve names") });
    const missing = await ns.run([...TCPNET, ...flags, "./nothing"]);
    expect(missing).toMatchObject({ code: 127, stderr: expect.stringContaining("no such file") });
  },
);

runTest(["curl"], "a published port leads to the command's, from the given address only", async ({ ns, start }) => {
  const server = start("-v", "-p", "8080:80", "-p", "127.0.0.1:8081:81", "--", process.execPath, "-e", SERVER);
  await server.says(/^up$/m);
  // Who reads the packets is not root, on any thread.
  const root = "0 0 0 0";
  expect(rightsOf(server.child.pid).map(({ Uid, CapEff }) => [Uid !== root, CapEff])).toEqual([[true, "0".repeat(16)]]);
  expect(await ns.must(["curl", "-sS", "http://127.0.0.1:8080/"])).toBe("port 80");
  expect(await ns.must(["curl", "-sS", "--data-binary", `@${at("data")}`, "http://127.0.0.1:8080/"])).toBe("3000000");
  expect((await ns.run(["curl", "-sS", `http://${FAR}:8080/`])).code).toBe(7);
  // Nobody listens there inside: accepted and reset, which curl sees while it connects or when it reads.
  expect([7, 56]).toContain((await ns.run(["curl", "-sS", "http://127.0.0.1:8081/"])).code);
  const taken = await ns.run([...TCPNET, "run", "-p", "8080:80", "--", "true"]);
  expect(taken).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/127.0.0.1:8080 cannot be published[\s\S]*another program/),
  });
  server.child.kill("SIGTERM");
  const { code, stderr } = await server.ended;
  expect([code, stderr]).toEqual([143, expect.stringMatching(/moved {3}0 connections, 3 to published ports, 0 flows/)]);
});

const SERVER = `Bun.serve({ port: 80, hostname: "0.0.0.0", fetch: async (r) => new Response(
  r.method === "POST" ? String((await r.bytes()).length) : "port 80") }); console.error("up")`;

runTest(
  [],
  "exit code and signals are the command's, and a command that cannot be started is told",
  async ({ run, sh, start }) => {
    expect((await sh([], "exit 7")).code).toBe(7);
    expect((await sh([], "kill -KILL $$")).code).toBe(137);
    // Nobody else waits for processes whose parent has ended.
    const orphans =
      "for i in 1 2 3; do (sleep 0.1 &); done; sleep 1; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l; exit 6";
    expect(await sh([], orphans)).toMatchObject({ code: 6, stdout: "0\n" });
    expect((await sh([], "kill -TERM $$")).code).toBe(143);
    const missing = await run([], ["no-such-program"]);
    expect([missing.code, missing.stderr]).toEqual([
      127,
      expect.stringMatching(/cannot be started[\s\S]*no such program/),
    ]);
    expect((await run([], ["/etc/passwd"])).code).toBe(126);
    const loop = "trap 'echo got it; exit 9' TERM; echo up >&2; while :; do sleep 0.1; done";
    const child = start("--", "sh", "-c", loop);
    await child.says(/up/);
    child.child.kill("SIGTERM");
    const { code, stdout } = await child.ended;
    expect([code, `${stdout}`]).toEqual([9, "got it\n"]);
  },
);

runTest(["python3"], "what the command wrote before its end arrives, also over a slow link", async ({ run }) => {
  const send = `import socket; s = socket.create_connection(("${FAR}", 11)); s.sendall(bytes(1000000))`;
  for (const [i, flags] of [[], ["--delay", "50ms", "--loss", "2%", "--seed", "3"]].entries()) {
    expect((await run(flags, ["python3", "-c", send])).code).toBe(0);
    for (let tries = 0; tries < 100 && !existsSync(at("sunk")); tries++) await Bun.sleep(20);
    expect(readFileSync(at("sunk"), "utf8")).toBe(`${(i + 1) * 1_000_000}`);
    rmSync(at("sunk"));
  }
});

runTest(
  ["curl"],
  "a link is bad as asked, can be changed meanwhile, and is captured, recorded and explained",
  async ({ ns, sh, start }) => {
    const files = ["-w", at("run.pcapng"), "--events", at("run.events"), "--report", at("run.html")];
    const slow = await sh(
      ["--delay", "100ms", ...files],
      `curl -sS -o /dev/null -w '%{time_connect}' http://${FAR}:8000/who`,
    );
    expect(Number(slow.stdout)).toBeGreaterThan(0.2);
    expect(slow.code).toBe(0);
    expect(readFileSync(at("run.pcapng")).length).toBeGreaterThan(1_000);
    const events = readFileSync(at("run.events"), "utf8");
    expect(events).toContain('"event":"transport:packet_sent"');
    expect(events).toContain(FAR);
    // In order: our end of the connection is not cut off with the command.
    expect(events).not.toContain('"cause":"tcp.call.abort"');
    expect(readFileSync(at("run.html"), "utf8")).toStartWith("<!doctype html>");
    const child = start(
      "--link",
      "clear",
      "--",
      "sh",
      "-c",
      `echo up >&2; read go; curl -sS -o /dev/null -w '%{time_connect}' http://${FAR}:8000/who`,
    );
    await child.says(/up/);
    expect(await ns.must([...TCPNET, "link", "set", "delay 150ms", "--dev", "run"])).toStartWith("delay 150ms");
    child.type("go\n");
    const { code, stdout } = await child.ended;
    expect([code, Number(`${stdout}`) > 0.3]).toEqual([0, true]);
    const odd = await sh(["--link", "clear", "--socket", at("two\nlines")], "exit 3");
    expect([odd.code, existsSync(at("two\nlines"))]).toEqual([3, false]);
    const told = await sh(["--loss", "1%", "--seed", "1", "-v"], "true");
    expect(told.stderr).toMatch(
      /10.0.2.100, fd00::100 {3}MTU 1500[\s\S]*link {4}loss 1%, seed 1[\s\S]*moved {3}0 connections/,
    );
  },
);

runTest(
  [],
  "nothing is left after SIGKILL of the program or of its inner process, and what the command left ends with it",
  async ({ start }) => {
    const alive = (mark: string) =>
      readdirSync("/proc").filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
        } catch {
          return false;
        }
      });
    for (const victim of ["outer", "inner", "none"]) {
      const mark = `mark-${victim}-${Date.now()}`;
      const end = victim === "none" ? "exit 5" : "while :; do sleep 1; done";
      const child = start(
        "--loss",
        "1%",
        "--",
        "sh",
        "-c",
        `: ${mark}; (setsid sh -c ': ${mark}; sleep 300' >/dev/null 2>&1 &); sleep 0.3; echo up >&2; ${end}`,
      );
      await child.says(/up/);
      if (victim === "outer") child.child.kill("SIGKILL");
      else if (victim === "inner") process.kill(innerOf(child.child.pid), "SIGKILL");
      const { code, stderr } = await child.ended;
      if (victim === "none") expect(code).toBe(5);
      if (victim === "inner")
        expect([code, stderr]).toEqual([1, expect.stringMatching(/namespaces was killed[\s\S]*nothing is left/)]);
      for (let i = 0; i < 100 && alive(mark).length > 0; i++) await Bun.sleep(50);
      expect([victim, alive(mark)]).toEqual([victim, []]);
    }
  },
);

/** The process in the command's namespaces: the first one of its PID namespace. */
function innerOf(pid: number): number {
  return descendantsOf(pid).find(({ words }) => words.at(-1) === "inside" && !words[0]!.endsWith("unshare"))!.pid;
}

runTest(
  ["setpriv", "mount", "curl"],
  "an ordinary user needs no root, and is told which door is closed",
  async ({ ns }) => {
    // Its own folder is not everybody's.
    const program = at("tcpnet");
    copyFileSync(await builtProgram(), program);
    const asNobody = (command: string) =>
      ns.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command], {
        cwd: "/",
        env: { NO_COLOR: "1" },
      });
    await ns.must(["sh", "-c", "mknod /run/tun c 10 200; chmod 600 /run/tun; mount --bind /run/tun /dev/net/tun"]);
    const closed = await asNobody(`${program} run -- true`);
    expect([closed.code, closed.stderr]).toEqual([
      4,
      expect.stringMatching(/may not open \/dev\/net\/tun[\s\S]*chmod 666/),
    ]);
    await ns.must(["sh", "-c", "chmod 666 /run/tun"]);
    const open = await asNobody(
      `${program} run -- sh -c 'id -u; curl -sS http://${FAR}:8000/data | sha1sum; grep CapEff /proc/self/status'`,
    );
    expect([open.stderr, open.stdout]).toEqual(["", `65534\n${SUM}  -\nCapEff:\t0000000000000000\n`]);
    const mapped = await asNobody(`${program} run --map-root -- id -u`);
    expect([mapped.code, mapped.stdout]).toEqual([0, "0\n"]);
    // A user namespace in which no further one may be made.
    const none = await asNobody(
      `unshare --user --map-current-user --keep-caps sh -c 'echo 0 > /proc/sys/user/max_user_namespaces
     exec setpriv --ambient-caps=-all --inh-caps=-all ${program} run -- true'`,
    );
    expect([none.code, none.stderr]).toEqual([
      4,
      expect.stringMatching(/allows no namespaces to this user[\s\S]*max_user_namespaces/),
    ]);
  },
);

runTest([], "bad input is refused before anything is made", async ({ ns }) => {
  const cases: [string[], RegExp][] = [
    [[], /run needs <command>/],
    [["-p", "x", "--", "true"], /--publish x cannot be understood[\s\S]*-p 8080:80/],
    [["-p", "1:2:3:4", "--", "true"], /cannot be understood/],
    [["-p", "70000", "--", "true"], /cannot be understood/],
    [["--dns", "example.org", "--", "true"], /--dns example.org is not the address of a server/],
    [["--dns", "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4", "--", "true"], /--dns has 4 servers[\s\S]*at most 3/],
    [["--mtu", "100", "--", "true"], /--mtu 100 is out of range/],
    [["-w", "-", "--", "true"], /--write - is not possible[\s\S]*standard output is the command's/],
    [["--events", "-", "--", "true"], /--events - is not possible/],
    [["--report", "-", "--", "true"], /--report needs a file/],
    [["--socket", "/tmp/x", "--", "true"], /--socket needs a link flag/],
    [["--seed", "1", "--", "true"], /--seed needs a link flag/],
    [["--loss", "200%", "--", "true"], /--loss 200% cannot be understood/],
    [["--packet", "--", "true"], /unknown option --packet/],
  ];
  for (const [args, words] of cases) {
    const { code, stderr } = await ns.run([...TCPNET, "run", ...args], { env: { NO_COLOR: "1" } });
    expect([args, code, stderr]).toEqual([args, 2, expect.stringMatching(words)]);
  }
  // The command's flags are not ours, with "--" or without.
  const bare = await ns.run([...TCPNET, "run", "sh", "-c", 'exit "$1"', "--loss", "7"]);
  expect([bare.code, bare.stderr]).toEqual([7, ""]);
  const nowhere = await ns.run([...TCPNET, "run", "-w", "/nowhere/x", "--", "true"]);
  expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("/nowhere/x")]);
  // The inner process whose outer one was killed at once: it must not run the word "inside" of its own command line.
  const vain = await ns.run(["sh", "-c", `NO_COLOR=1 TCPNET_RUN_INSIDE=1 ${TCPNET.join(" ")} run -- true; exit $?`]);
  expect([vain.code, vain.stderr]).toEqual([1, expect.stringMatching(/not the network of a command[\s\S]*unset /)]);
});

runTest(
  ["tmux"],
  "the terminal is the command's: Ctrl-C, Ctrl-Z, its size, and the exit code that the shell sees",
  async ({ ns }) => {
    const tmux = (...words: string[]) => ns.must(["tmux", "-S", at("tmux"), "-f", "/dev/null", ...words]);
    await tmux("new-session", "-d", "-x", "71", "-y", "23", "env -u LC_ALL LANG=C NO_COLOR=1 PS1='$ ' bash --norc");
    const shows = async (words: RegExp) => {
      let screen = "";
      for (let i = 0; i < 200 && !words.test(screen); i++) {
        await Bun.sleep(50);
        screen = await tmux("capture-pane", "-p", "-J");
      }
      expect(screen).toMatch(words);
    };
    const type = (...keys: string[]) => tmux("send-keys", ...keys);
    const ends = async (code: number) => {
      // What is typed before the shell is back belongs to nobody.
      await shows(/(\^C|exit)\n\$ *\n/);
      await type("echo code $?", "Enter");
      await shows(new RegExp(`^code ${code}$`, "m"));
    };
    const run = (command: string) => type(`clear; ${TCPNET.join(" ")} run -- ${command}`, "Enter");
    await run("sh -c 'stty size; exec sleep 100'");
    await shows(/^23 71$/m);
    await type("C-c");
    await ends(130);
    await run("sh -c 'echo begun; exec sleep 100'");
    await shows(/^begun$/m);
    await type("C-z");
    await shows(/Stopped/);
    await type("fg", "Enter");
    await shows(/\$ fg\n/);
    await type("C-c");
    await ends(130);
    await run("bash --norc");
    await type("exit 4", "Enter");
    await ends(4);
    await type("exit", "Enter");
  },
);

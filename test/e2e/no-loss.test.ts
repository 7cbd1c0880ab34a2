/** Exit code 0 is true: every byte was sent, received and written. Whatever is lost has its words and another code. */
import { expect } from "bun:test";
import { existsSync, linkSync, readFileSync, writeFileSync } from "node:fs";
import { HOST, type Lab, labTest, PEER } from "./lab.ts";

const SENT = "--send README.md";
const peerTo = (lab: Lab, name: string) => lab.shell(`$T ${PEER.join(" ")} </dev/null >${lab.file(name)}`).ended;

labTest("a device that vanishes while the host waits: 1 with a message, with any flags", async (lab) => {
  for (const flags of [[], ["--keep"], ["--echo"], ["--discard"], ["--json"], ["--loss", "1%"], ["--quiet"]]) {
    const host = lab.tcpnet("host", "tun5", "10.5.0.1/24", "10.0.1.5", ...flags);
    await lab.ns.must(["sh", "-c", "until ip -o addr show dev tun5 2>/dev/null | grep -q 10.5; do sleep 0.05; done"]);
    await Bun.sleep(300);
    await lab.ns.must(["ip", "link", "del", "tun5"]);
    const { code, stderr } = await host.ended;
    expect({ flags, code }).toEqual({ flags, code: 1 });
    expect(stderr).toMatch(/tun5 vanished/);
  }
});

labTest("a device that vanishes during a transfer: 1 for every service, reported once", async (lab) => {
  for (const flags of [["--discard"], ["--keep", "--recv", "/dev/null"]]) {
    const host = lab.tcpnet(...HOST, ...flags);
    await host.says(/waiting/);
    const peer = lab.tcpnet(...PEER, "--send", "/dev/zero", "--timeout", "3s");
    await peer.says(/open /);
    await Bun.sleep(300);
    await lab.ns.must(["ip", "link", "del", "tun0"]);
    const { code, stderr } = await host.ended;
    expect({ flags, code }).toEqual({ flags, code: 1 });
    expect(stderr.match(/tun0 vanished/g)?.length).toBe(1);
    expect(stderr).toMatch(/ended early[\s\S]*served 1 connection, 1 of them failed/);
    peer.child.kill("SIGKILL");
    await peer.ended;
    await lab.tcpnet("netup").ended;
  }
});

labTest("a closed standard output is refused before anything is sent: 1", async (lab) => {
  const { code, stderr } = await lab.shell(`$T ${HOST.join(" ")} >&-`).ended;
  expect({ code, said: stderr }).toEqual({
    code: 1,
    said: "[error] cannot write standard output\n        it is closed: everything would be lost\n        redirect it to a file, or to /dev/null\n",
  });
  for (const flag of ["--write", "--events"]) {
    const { code } = await lab.shell(`$T ${HOST.join(" ")} --recv ${lab.file("a")} ${flag} - >&-`).ended;
    expect([flag, code]).toEqual([flag, 1]);
  }
  // What does not need it does not mind.
  const host = lab.shell(`$T ${HOST.join(" ")} --recv ${lab.file("a")} >&- </dev/null`);
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER);
  peer.type("all of it");
  peer.endInput();
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
  expect(readFileSync(lab.file("a"), "utf8")).toBe("all of it");
});

labTest("a reader that ends: 141 as by SIGPIPE, without an error message, and the sender is reset", async (lab) => {
  const host = lab.tcpnet(...HOST, "--source", "50M");
  await host.says(/waiting/);
  const line = `{ $T ${PEER.join(" ")} </dev/null; echo "code $?" >&2; } | head -c 1000 | wc -c`;
  const { stdout, stderr } = await lab.shell(line).ended;
  expect(stdout.toString().trim()).toBe("1000");
  expect(stderr).toMatch(/the reader of standard output has gone: data after this is lost\ncode 141\n$/);
  expect(stderr).not.toMatch(/error|EPIPE/);
  await host.says(/warning .*reset the connection/);
});

labTest("a full output device, an input that fails midway: 1, and the other side is reset: 12", async (lab) => {
  const full = lab.shell(`$T ${HOST.join(" ")} </dev/null >/dev/full`);
  await full.says(/waiting/);
  const sender = lab.tcpnet(...PEER, "--source", "20M");
  const [f, s] = await Promise.all([full.ended, sender.ended]);
  expect([f.code, s.code]).toEqual([1, 12]);
  expect(f.stderr).toMatch(/cannot write standard output\n +the disk is full \(ENOSPC\)/);
  // The first page of a process's memory answers every read with EIO, as a bad disk does. Whoever gives root up executes itself
  // again, and the memory is another one.
  for (const input of ["--send /proc/self/mem --keep-root", "< /proc/self/mem"]) {
    const broken = lab.shell(`$T ${HOST.join(" ")} ${input}`);
    await broken.says(/waiting/);
    const receiver = lab.tcpnet(...PEER);
    const [b, r] = await Promise.all([broken.ended, receiver.ended]);
    expect([input, b.code, r.code]).toEqual([input, 1, 12]);
    expect(b.stderr).toMatch(/cannot read (standard input|\/proc\/self\/mem)\n +the disk reported an error \(EIO\)/);
  }
});

labTest("--keep with a full disk ends with 1, and acknowledges no data of further clients", async (lab) => {
  await lab.ns.must(["mkdir", "-p", "/run/small"]);
  await lab.ns.must(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/run/small"]);
  const host = lab.tcpnet(...HOST, "--keep", "--recv", "/run/small/file");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "--source", "20M");
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code]).toEqual([1, 12]);
  expect(h.stderr).toMatch(/the disk is full \(ENOSPC\)/);
});

labTest("--keep sends its file to every client, with --send and as standard input from its position", async (lab) => {
  const all = readFileSync("README.md");
  const skipped = 1000;
  for (const [line, expected] of [
    [`exec $T ${HOST.join(" ")} --keep ${SENT}`, all],
    // `dd` reads no more than it gives.
    [
      `exec < README.md; dd bs=${skipped} count=1 of=/dev/null 2>/dev/null; exec $T ${HOST.join(" ")} --keep`,
      all.subarray(skipped),
    ],
  ] as const) {
    const host = lab.shell(line);
    await host.says(/waiting/);
    for (const name of ["one", "two", "three"]) {
      expect((await peerTo(lab, name)).code).toBe(0);
      expect(readFileSync(lab.file(name)).equals(expected)).toBe(true);
    }
    expect(host.stderr.match(/waiting for the next connection/g)?.length).toBeGreaterThanOrEqual(2);
    host.child.kill("SIGINT");
    expect((await host.ended).code).toBe(130);
  }
});

labTest(
  "--keep and a pipe: refused as --send; as standard input each client continues it, and a warning is printed when it is used up",
  async (lab) => {
    await lab.ns.must(["mkfifo", lab.file("pipe")]);
    void lab.ns.run(["sh", "-c", `echo hello > ${lab.file("pipe")}`]);
    const refused = await lab.tcpnet(...HOST, "--keep", "--send", lab.file("pipe")).ended;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/--keep cannot send \S+pipe to every client\n.*read only once.*\n.*send a file/);
    const host = lab.tcpnet(...HOST, "--keep");
    await host.says(/waiting/);
    const first = lab.tcpnet(...PEER);
    await first.says(/open /);
    host.type("for the first");
    await first.gives("for the first".length);
    first.child.kill("SIGTERM");
    await first.ended;
    await host.says(/warning .*reset the connection[\s\S]*waiting for the next/);
    // Typed while nobody is connected.
    host.type("for the second");
    const second = lab.tcpnet(...PEER);
    await second.gives("for the second".length);
    host.endInput();
    second.endInput();
    expect((await second.ended).code).toBe(0);
    const third = lab.tcpnet(...PEER);
    third.endInput();
    expect((await third.ended).code).toBe(0);
    await host.says(
      /warning nothing is sent to this client and later ones: all of standard input has been sent already/,
    );
    host.child.kill("SIGINT");
    const { code, stderr, stdout } = await host.ended;
    expect([code, stdout.toString()]).toEqual([130, ""]);
    expect(stderr).toMatch(/served 3 connections, 1 of them failed\n$/);
  },
);

labTest("a service says that it waits for the next connection", async (lab) => {
  const host = lab.tcpnet(...HOST, "--discard");
  await host.says(/waiting at/);
  for (let i = 1; i <= 2; i++) {
    expect((await lab.tcpnet(...PEER, "--source", "10k").ended).code).toBe(0);
    await host.says(new RegExp(`(waiting for the next connection; Ctrl-C ends[\\s\\S]*){${i}}`));
  }
});

labTest("--recv: after a time-out the file is unchanged, and a new file is removed", async (lab) => {
  writeFileSync(lab.file("old"), "what was there");
  for (const name of ["old", "new"]) {
    const { code } = await lab.tcpnet(...HOST, "--timeout", "300ms", "--recv", lab.file(name)).ended;
    expect(code).toBe(11);
  }
  expect(readFileSync(lab.file("old"), "utf8")).toBe("what was there");
  expect(existsSync(lab.file("new"))).toBe(false);
});

labTest("one file twice on a command line: 2, and it is unchanged", async (lab) => {
  lab.random("a", 100_000);
  const before = lab.sha256("a");
  const file = lab.file("a");
  linkSync(file, lab.file("hard"));
  for (const line of [
    `--send ${file} --recv ${lab.file("hard")}`,
    `--recv ${file} -w ${file}`,
    `--send ${file} -w ${file} >/dev/null`,
    `--send ${file} --events ${lab.file("hard")} >/dev/null`,
    `--send ${file} >>${file}`,
    `<${file} >>${file}`,
    `<${file} --recv ${file}`,
  ]) {
    const { code, stderr } = await lab.shell(`$T ${PEER.join(" ")} --timeout 1s ${line}`).ended;
    expect([line, code, stderr]).toEqual([
      line,
      2,
      expect.stringMatching(/are the same file\n[\s\S]*name another file/),
    ]);
    expect(lab.sha256("a")).toBe(before);
  }
  writeFileSync(file, "1\n2\n5\n");
  const trace = await lab.tcpnet(...PEER, "--link", `trace ${file}`, "--recv", file).ended;
  expect([trace.code, readFileSync(file, "utf8")]).toEqual([2, "1\n2\n5\n"]);
});

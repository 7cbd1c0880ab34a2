/** Nothing that is read slowly, or not at all, stops the stack; what is missing is counted. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { readCapture } from "../support/capture-reader.ts";
import { HOST, type Lab, labTest, labTestWith, PEER } from "./lab.ts";

/** Both stacks answer pings while nobody reads. Some are lost where a transfer fills the queues of the devices. */
async function bothAnswer(lab: Lab): Promise<void> {
  for (const address of ["10.0.0.7", "10.0.1.5"]) {
    const { stdout } = await lab.ns.run(["ping", "-q", "-c", "10", "-i", "0.1", "-W", "3", address]);
    const [, received] = /(\d+) received/.exec(stdout) ?? [];
    expect([address, Number(received) >= 5]).toEqual([address, true]);
  }
}

/** Shell: reads its standard input into a file, but not before the test says so. */
const late = (lab: Lab, file: string) =>
  `(while ! [ -e ${lab.file("now")} ]; do sleep 0.05; done; cat > ${lab.file(file)})`;
const readNow = (lab: Lab) => Bun.write(lab.file("now"), "");

/** A peer sends to a host that discards, and records to standard output, which nobody reads until all is sent. */
async function recorded(lab: Lab, flag: string, size: string): Promise<{ stderr: string; file: Buffer }> {
  const host = lab.tcpnet(...HOST, "--discard");
  await host.says(/waiting/);
  const peer = lab.shell(`$T ${PEER.join(" ")} --source ${size} --no-offload ${flag} - | ${late(lab, "late")}`);
  await peer.says(/open /);
  await bothAnswer(lab);
  await peer.says(/closed by both sides/);
  await readNow(lab);
  const { stderr } = await peer.ended;
  host.child.kill("SIGTERM");
  await host.ended;
  return { stderr, file: readFileSync(lab.file("late")) };
}

/** Both numbers of "12 packets, 3 left out: …". */
function countsIn(stderr: string, noun: string): [number, number] {
  const found = new RegExp(
    `(\\d+) ${noun} written to standard output, (\\d+) were dropped because the reader was too slow`,
  ).exec(stderr);
  if (found === null) throw new Error(`nothing was left out:\n${stderr}`);
  return [Number(found[1]), Number(found[2])];
}

labTestWith(
  ["ping"],
  "a capture that nobody reads does not stop the stack; omitted packets are counted",
  async (lab) => {
    const { stderr, file } = await recorded(lab, "-w", "40M");
    const [packets, left] = countsIn(stderr, "packets");
    expect(left).toBeGreaterThan(1_000);
    expect(readCapture(file).packets.length).toBe(packets);
  },
);

labTestWith(["ping"], "events that nobody reads do not stop the stack", async (lab) => {
  const { stderr, file } = await recorded(lab, "--events", "40M");
  const [, events] = /events {2}(\d+) events written to standard output/.exec(stderr) ?? [];
  const [head, ...lines] = file.toString().trimEnd().split("\n");
  expect(head).toContain("schema");
  // A line stands for those that a reader this slow misses.
  expect(lines.filter((line) => !line.startsWith('{"missing":')).length).toBe(Number(events));
});

labTestWith(
  ["ping"],
  "data that nobody reads closes the window, and all of it arrives once it is read",
  async (lab) => {
    const sum = lab.random("data", 20 << 20);
    const host = lab.tcpnet(...HOST, "--send", lab.file("data"), "--recv", "/dev/null");
    await host.says(/waiting/);
    const peer = lab.shell(`$T ${PEER.join(" ")} < /dev/null | ${late(lab, "copy")}`);
    await peer.says(/open /);
    await bothAnswer(lab);
    expect(host.stderr).not.toContain("closed by both sides");
    await readNow(lab);
    expect([(await host.ended).code, (await peer.ended).code]).toEqual([0, 0]);
    expect(lab.sha256("copy")).toBe(sum);
  },
);

labTestWith(
  ["ping"],
  "words that nobody reads stop nothing; a line stands for those that are missing, and the end is told",
  async (lab) => {
    const fifo = lab.file("stderr");
    await lab.ns.must(["mkfifo", fifo]);
    lab.random("data", 1 << 20);
    const host = lab.tcpnet(...HOST, "--recv", lab.file("copy"));
    await host.says(/waiting/);
    // It opens the pipe at once.
    const reader = lab.shell(`exec 3<${fifo}; while ! [ -e ${lab.file("now")} ]; do sleep 0.05; done; cat <&3`);
    const peer = lab.shell(`exec $T ${PEER.join(" ")} --json 2>${fifo}`);
    await host.says(/open /);
    // Each signal is a line of about a kilobyte; a hundred are told at once, then fifty a second.
    for (let i = 0; i < 450; i++) {
      peer.child.kill("SIGUSR1");
      await Bun.sleep(20);
    }
    await bothAnswer(lab);
    peer.type(readFileSync(lab.file("data")));
    // The end waits only so long for a reader.
    await readNow(lab);
    peer.endInput();
    host.endInput();
    expect((await host.ended).code).toBe(0);
    expect(lab.sha256("copy")).toBe(lab.sha256("data"));
    expect((await peer.ended).code).toBe(0);
    const lines = (await reader.ended).stdout.toString().trimEnd().split("\n");
    const told = lines.map((line) => JSON.parse(line));
    expect([told[0].event, told.at(-1).event]).toEqual(["start", "summary"]);
    const gaps = told.filter(({ event }) => event === "gap");
    expect(gaps.length).toBe(1);
    expect(gaps[0].missing).toBeGreaterThan(0);
  },
);

for (const [flag, what, noun] of [
  ["-w", "the capture", "packet"],
  ["--events", "the event file", "event"],
] as const) {
  labTest(`a full disk under ${flag} is reported at once and at the end, and the exit code is 1`, async (lab) => {
    await lab.ns.must(["mkdir", "-p", "/run/small"]);
    await lab.ns.must(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/run/small"]);
    lab.random("data", 4 << 20);
    const host = lab.tcpnet(...HOST, "--recv", lab.file("copy"));
    await host.says(/waiting/);
    host.endInput();
    const peer = lab.tcpnet(...PEER, "--send", lab.file("data"), "--no-offload", "--mtu", "600", flag, "/run/small/x");
    const { code, stderr } = await peer.ended;
    expect([code, (await host.ended).code]).toEqual([1, 0]);
    // The transfer itself is whole.
    expect(lab.sha256("copy")).toBe(lab.sha256("data"));
    const said = stderr.split("\n").filter((line) => line.startsWith("warning"));
    expect(said).toEqual([
      `warning ${what} /run/small/x ends here: the disk is full (ENOSPC)`,
      expect.stringMatching(
        new RegExp(
          `^warning ${what} /run/small/x is not complete: \\d+ ${noun}s of \\d+ are missing, because the disk is full`,
        ),
      ),
    ]);
  });

  labTest(`a reader of ${flag} - that ends is reported in the same way: 1`, async (lab) => {
    const host = lab.tcpnet(...HOST, "--discard");
    await host.says(/waiting/);
    const code = lab.file("code");
    const line = `($T ${PEER.join(" ")} --source 3M --no-offload ${flag} -; echo $? > ${code}) | head -c 100`;
    const { stderr } = await lab.shell(line).ended;
    expect(readFileSync(code, "utf8")).toBe("1\n");
    expect(stderr).toContain(`warning ${what} to standard output ends: its reader has gone (EPIPE)\n`);
    expect(stderr).toMatch(
      new RegExp(`warning ${what} on standard output is not complete: \\d+ ${noun}s of \\d+ are missing`),
    );
    expect(stderr).toContain("closed by both sides");
    host.child.kill("SIGTERM");
    await host.ended;
  });
}

/** Data to send that takes its time: a disk that does not answer, a pipe whose writer pauses. The stack goes on meanwhile. */
import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { bothWell, HOST, type Lab, labTestWith, PEER } from "./lab.ts";

/**
 * `python3 -c HOLD FILE`: whoever reads the file waits, as for a disk that does not answer, until this program reads a line. It
 * uses the permission events of fanotify(7); when it ends, the kernel lets all readers go on. With a second argument it only tries.
 */
const HOLD = `
import ctypes, os, struct, sys
CLASS_CONTENT, MARK_ADD, ACCESS_PERM, AT_FDCWD, ALLOW = 4, 1, 0x20000, -100, 1
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.fanotify_init(CLASS_CONTENT, os.O_RDONLY)
if fd < 0 or libc.fanotify_mark(fd, MARK_ADD, ctypes.c_uint64(ACCESS_PERM), AT_FDCWD, os.fsencode(sys.argv[1])) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
if len(sys.argv) > 2:
    sys.exit(0)
print("holding", file=sys.stderr, flush=True)
released = False
while True:
    event = os.read(fd, 4096)
    while event:
        size, _, _, _, _, file, _ = struct.unpack_from("=IBBHQii", event)
        if not released:
            print("read", file=sys.stderr, flush=True)
            sys.stdin.readline()
            released = True
        os.write(fd, struct.pack("=iI", file, ALLOW))
        os.close(file)
        event = event[size:]
`;

/** Why no reader of a file can be held here, or "". */
function cannotHold(): string {
  if (process.getuid?.() !== 0) return "only root may hold the readers of a file";
  const missing = lacks(["python3"]);
  if (missing !== "") return missing;
  const { exitCode, stderr } = Bun.spawnSync(["python3", "-c", HOLD, "/dev/null", "try"], { stderr: "pipe" });
  return exitCode === 0 ? "" : `fanotify was refused: ${stderr.toString().trim()}`;
}

/**
 * Host sends from `path`. Once `waits` resolves, the source has no more data for now, and the host must answer pings. Then `goOn`
 * lets the source continue.
 */
async function answersMeanwhile(lab: Lab, path: string, waits: () => Promise<void>, goOn: () => void): Promise<void> {
  const host = lab.tcpnet(...HOST, "--send", path);
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER, "--recv", lab.file("copy"));
  await Promise.all([host.says(/open /), peer.says(/open /), waits()]);
  const { stdout } = await lab.ns.run(["ping", "-c5", "-i0.2", "-W5", "10.0.0.7"]);
  goOn();
  expect(stdout).toContain("5 packets transmitted, 5 received");
  peer.endInput();
  await bothWell(host, peer);
}

labTestWith(["ping"], "while the writer of a pipe pauses, the sender of --send answers pings", async (lab) => {
  const pipe = lab.file("pipe");
  const writer = lab.shell(`mkfifo ${pipe}; echo made >&2; exec 3>${pipe}; echo begin >&3; read -r line; echo end >&3`);
  await writer.says(/made/);
  const arrived = async () => {
    while (!existsSync(lab.file("copy")) || readFileSync(lab.file("copy"), "utf8") !== "begin\n") await Bun.sleep(20);
  };
  await answersMeanwhile(lab, pipe, arrived, () => writer.type("\n"));
  expect(readFileSync(lab.file("copy"), "utf8")).toBe("begin\nend\n");
});

const reason = cannotHold();
const name = "while the disk does not answer, the sender of --send answers pings";
if (reason !== "") testUnless(reason, name, () => {});
else
  labTestWith(["ping", "python3"], name, async (lab) => {
    const file = lab.file("file");
    writeFileSync(file, Buffer.alloc(3_000_000, "0123456789"));
    const disk = lab.start("python3", "-c", HOLD, file);
    await disk.says(/holding/);
    await answersMeanwhile(
      lab,
      file,
      () => disk.says(/read/),
      () => disk.type("\n"),
    );
    disk.child.kill("SIGKILL");
    expect(readFileSync(lab.file("copy")).equals(readFileSync(file))).toBe(true);
  });

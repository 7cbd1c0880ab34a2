/** Files of the command line under sudo: what its caller could not read or write, nobody reads or writes for him. */
import { expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { ROOT } from "../support/root.ts";
import { bothWell, HOST, type Lab, labTest, PEER } from "./lab.ts";

const AS_ROOT = { root: true };
const ALICE = 4711;
const SUDO = { SUDO_USER: "alice", SUDO_UID: `${ALICE}`, SUDO_GID: "4712" };

/** A folder of alice's, in a folder that everybody may search; answers its path. */
function homeOf(lab: Lab): string {
  chmodSync(lab.folder, 0o755);
  const home = lab.file("home");
  mkdirSync(home, { mode: 0o755 });
  chownSync(home, ALICE, ALICE);
  return home;
}

labTest(
  "files that the caller of sudo may not write or read are refused: 4",
  async (lab) => {
    const home = homeOf(lab);
    const secret = lab.file("secret");
    writeFileSync(secret, "only root reads this", { mode: 0o600 });
    // Group 0 is root's own, and none of the caller's.
    const shared = lab.file("shared");
    writeFileSync(shared, "root's group writes this", { mode: 0o660 });
    chmodSync(shared, 0o660);
    symlinkSync(secret, `${home}/link`);
    const cases = [
      ["--recv", lab.file("new"), "write"],
      ["-w", lab.file("new"), "write"],
      ["--events", lab.file("new"), "write"],
      ["--recv", shared, "write"],
      ["--recv", `${home}/link`, "write"],
      ["-w", `${home}/link`, "write"],
      ["--send", secret, "read"],
      ["--send", `${home}/link`, "read"],
      ["--link", `trace ${secret}`, "read"],
    ] as const;
    for (const [flag, value, use] of cases) {
      const { code, stderr } = await lab.withEnv(SUDO, ...HOST, flag, value).ended;
      const path = value.replace("trace ", "");
      expect([flag, path, code, stderr]).toEqual([
        flag,
        path,
        4,
        expect.stringContaining(
          `cannot ${use} ${path}\n        user ${ALICE} may not (EACCES): under sudo, files are opened`,
        ),
      ]);
      expect(stderr).toContain("--keep-root");
    }
    expect(existsSync(lab.file("new"))).toBe(false);
    expect(readFileSync(secret, "utf8")).toBe("only root reads this");
    expect(readFileSync(shared, "utf8")).toBe("root's group writes this");
    const socket = await lab.withEnv(SUDO, ...HOST, "--link", "clear", "--socket", lab.file("s.sock")).ended;
    expect([socket.code, socket.stderr]).toEqual([
      4,
      expect.stringMatching(/s\.sock could not be created[\s\S]*permission denied/),
    ]);
  },
  AS_ROOT,
);

labTest(
  "new files belong to the caller of sudo: data, capture, events, control socket, and a new capture after SIGHUP",
  async (lab) => {
    const home = homeOf(lab);
    writeFileSync(`${home}/mine`, "hello");
    chownSync(`${home}/mine`, ALICE, ALICE);
    chmodSync(`${home}/mine`, 0o600);
    const records = ["-w", `${home}/c.pcapng`, "--events", `${home}/e.ndjson`];
    const control = ["--link", "clear", "--socket", `${home}/s.sock`];
    const host = lab.withEnv(SUDO, ...HOST, "--recv", `${home}/new`, ...records, ...control);
    await host.says(/waiting/);
    const owners = () =>
      ["new", "c.pcapng", "e.ndjson", "s.sock"].map((name) => [name, statSync(`${home}/${name}`).uid]);
    expect(owners()).toEqual([
      ["new", ALICE],
      ["c.pcapng", ALICE],
      ["e.ndjson", ALICE],
      ["s.sock", ALICE],
    ]);
    await lab.ns.must(["mv", `${home}/c.pcapng`, `${home}/old.pcapng`]);
    host.child.kill("SIGHUP");
    for (let i = 0; i < 1_000 && !existsSync(`${home}/c.pcapng`); i++) await Bun.sleep(20);
    expect(owners()[1]).toEqual(["c.pcapng", ALICE]);
    host.endInput();
    await bothWell(host, lab.withEnv(SUDO, ...PEER, "--send", `${home}/mine`));
    expect(readFileSync(`${home}/new`, "utf8")).toBe("hello");
    expect(existsSync(`${home}/s.sock`)).toBe(false);
  },
);

labTest(
  "the events of sim and the packets of drill belong to the caller of sudo",
  async (lab) => {
    const home = homeOf(lab);
    writeFileSync(lab.file("kept"), "root's", { mode: 0o600 });
    symlinkSync(lab.file("kept"), `${home}/link`);
    const script = `${ROOT}test/drill/handshake/accept-blocks.pkt`;
    for (const [name, ...words] of [
      ["events", "sim", "--bytes", "10k", "--events"],
      ["packets", "drill", script, "--pcap"],
    ] as const) {
      expect((await lab.withEnv(SUDO, ...words, `${home}/${name}`).ended).code).toBe(0);
      expect([name, statSync(`${home}/${name}`).uid]).toEqual([name, ALICE]);
      for (const path of [`${home}/link`, lab.file("new")]) {
        const { code, stderr } = await lab.withEnv(SUDO, ...words, path).ended;
        expect([path, code, stderr]).toEqual([path, 4, expect.stringContaining(`cannot write ${path}`)]);
      }
    }
    expect([readFileSync(lab.file("kept"), "utf8"), existsSync(lab.file("new"))]).toEqual(["root's", false]);
  },
  { root: true, netup: null },
);

labTest(
  "without sudo the program opens root's files and then runs as nobody",
  async (lab) => {
    chmodSync(lab.folder, 0o700);
    writeFileSync(lab.file("secret"), "only root reads this", { mode: 0o600 });
    writeFileSync(lab.file("trace"), "1\n2\n3\n", { mode: 0o600 });
    const host = lab.tcpnet(...HOST, "--recv", lab.file("copy"));
    await host.says(/waiting/);
    host.endInput();
    await bothWell(host, lab.tcpnet(...PEER, "--send", lab.file("secret"), "--link", `trace ${lab.file("trace")}`));
    expect(readFileSync(lab.file("copy"), "utf8")).toBe("only root reads this");
    expect(statSync(lab.file("copy")).uid).toBe(0);
  },
  AS_ROOT,
);

labTest(
  "--keep-root under sudo opens files as root",
  async (lab) => {
    const host = lab.withEnv(SUDO, ...HOST, "--keep-root", "--recv", lab.file("new"));
    await host.says(/waiting/);
    expect(statSync(lab.file("new")).uid).toBe(0);
    host.child.kill("SIGTERM");
    await host.ended;
  },
  AS_ROOT,
);

labTest(
  "an invalid SUDO_UID is refused and not ignored: 2",
  async (lab) => {
    for (const bad of ["-1", "abc", "4294967295", "99999999999999999999"]) {
      const env = { SUDO_UID: bad, SUDO_GID: "4712" };
      const { code, stderr } = await lab.withEnv(env, ...HOST, "--recv", lab.file("new")).ended;
      expect([code, stderr]).toEqual([2, expect.stringContaining(`SUDO_UID=${bad} is not the id of a user`)]);
    }
    expect(existsSync(lab.file("new"))).toBe(false);
  },
  AS_ROOT,
);

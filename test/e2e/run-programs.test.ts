/** `tcpnet run`: git, ssh, apt and psql against real servers, over a link that loses packets. */
import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { at, FAR, folder, runTest, SUM, type World } from "./run-world.ts";

const LOSSY = ["--loss", "1%", "--delay", "2ms", "--seed", "7"];
/** All that the program says by itself. */
const SUMMARY = expect.stringMatching(/^ +link +to the command: .*\n +from it: .*\n +moved +\d+ connections?, .*\n$/);
const env = `HOME=${folder} GIT_CONFIG_NOSYSTEM=1`;

runTest(["git"], "git clones from a daemon and over HTTP", async ({ ns, sh, start }) => {
  await ns.must([
    "sh",
    "-c",
    `cd ${folder} && ${env} git init -q -b main repo && cd repo && cp ../data . && git add data &&
    ${env} git -c user.name=a -c user.email=a@b commit -qm one && git update-server-info`,
  ]);
  const daemon = start(
    "sh",
    "-c",
    `${env} exec git daemon --reuseaddr --export-all --listen=${FAR} --port=9418 --base-path=${folder} --verbose`,
  );
  await daemon.says(/Ready to rumble/);
  const line = `rm -rf one two; ${env} git clone -q git://${FAR}/repo one && sha1sum < one/data &&
    ${env} git clone -q http://${FAR}:8000/repo/.git two && sha1sum < two/data`;
  const { code, stdout, stderr } = await sh(LOSSY, line);
  expect([code, stdout, stderr]).toEqual([0, `${SUM}  -\n${SUM}  -\n`, SUMMARY]);
  daemon.child.kill("SIGTERM");
  await daemon.ended;
});

runTest(
  ["ssh", "dropbear", "mount"],
  "ssh runs a command, and carries its octets and exit code",
  async ({ ns, sh, start }) => {
    await ns.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at("key")]);
    await ns.must(["dropbearkey", "-t", "ed25519", "-f", at("host_key")]);
    // Dropbear takes the keys in its user's folder, which must not be this machine's.
    await ns.must(
      [
        "sh",
        "-c",
        `mkdir -p home/.ssh && cp key.pub home/.ssh/authorized_keys && chmod 700 home home/.ssh &&
    echo 'root:x:0:0:root:${folder}/home:/bin/sh' > passwd && mount --bind passwd /etc/passwd`,
      ],
      { cwd: folder },
    );
    const server = start("dropbear", "-F", "-E", "-s", "-p", `${FAR}:2222`, "-r", at("host_key"));
    await server.says(/Not backgrounding/);
    const options =
      "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes -F none";
    const line = `ssh ${options} -i key -p 2222 root@${FAR} 'sha1sum; exit 9' < data`;
    const { code, stdout, stderr } = await sh(LOSSY, line);
    expect([stderr, stdout, code, code === 9 || server.stderr]).toEqual([SUMMARY, `${SUM}  -\n`, 9, true]);
    server.child.kill("SIGTERM");
    await server.ended;
  },
);

runTest(["apt-get"], "apt-get reads a repository and downloads a package", async ({ sh }) => {
  mkdirSync(at("debs"), { recursive: true });
  writeFileSync(at("debs/none_1.0_all.deb"), "not a real package");
  const sum = new Bun.CryptoHasher("sha256").update("not a real package").digest("hex");
  const words = [
    "Package: none",
    "Version: 1.0",
    "Architecture: all",
    "Maintainer: a <a@b>",
    "Filename: ./none_1.0_all.deb",
    "Size: 18",
    `SHA256: ${sum}`,
    "Description: x",
    "",
  ];
  writeFileSync(at("debs/Packages"), words.join("\n"));
  writeFileSync(at("sources.list"), `deb [trusted=yes] http://${FAR}:8000/debs ./\n`);
  const dirs = ["Dir::State::lists=lists", "Dir::Cache=cache", "Dir::State::status=status"].map(
    (word) => `-o ${word.replace("=", `=${folder}/`)}`,
  );
  const options = `-o Dir::Etc::SourceList=${at("sources.list")} -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root ${dirs.join(" ")}`;
  const line = `mkdir -p lists/partial cache/archives/partial; : > status; apt-get ${options} -q update && apt-get ${options} -q download none && cat none_1.0_all.deb`;
  const { code, stdout } = await sh(LOSSY, line);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/Get:1 http:\/\/198\.51\.100\.9:8000[\s\S]*not a real package$/),
  ]);
});

/** The newest PostgreSQL server of Debian's packages, whose folder is not in PATH. */
const POSTGRES = [...new Bun.Glob("/usr/lib/postgresql/*/bin").scanSync({ onlyFiles: false, absolute: true })]
  .toSorted()
  .at(-1);

runTest(["pg_ctlcluster", "setpriv"], "psql asks a PostgreSQL server", psql);

async function psql({ ns, sh, start }: World): Promise<void> {
  const data = "/run/postgres";
  const as = "setpriv --reuid=65534 --regid=65534 --clear-groups";
  await ns.must([
    "sh",
    "-c",
    `mkdir -m 777 ${data} && ${as} ${POSTGRES}/initdb -D ${data}/db -U tester -A trust >/dev/null && echo 'host all all ${FAR}/32 trust' >> ${data}/db/pg_hba.conf`,
  ]);
  const server = start("sh", "-c", `exec ${as} ${POSTGRES}/postgres -D ${data}/db -h ${FAR} -p 5432 -k ${data}`);
  await server.says(/ready to accept connections/);
  const line = `${POSTGRES}/psql -h ${FAR} -U tester -d postgres -At -c 'select sum(n), length(string_agg(repeat(chr(65 + n % 26), 100), chr(10))) from generate_series(1, 20000) n'`;
  const { code, stdout, stderr } = await sh(LOSSY, line);
  expect([stderr, code, stdout]).toEqual([SUMMARY, 0, "200010000|2019999\n"]);
  server.child.kill("SIGINT");
  await server.ended;
}

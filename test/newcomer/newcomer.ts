/**
 * `just newcomer`: what somebody does who has just cloned this, on a machine made for it: the smallest Debian that
 * debootstrap makes, with Debian's own Node and npm and nothing else. Both commands of the README, first as an ordinary
 * user, then as root, then the block by hand. It needs root, debootstrap, some 3 GB of disk and half an hour; the machine's
 * own network, from which Debian's and npm's packages come, is used and left as it is.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { boxUnavailable, inBox } from "../support/box.ts";
import { ROOT } from "../support/root.ts";

const MINUTE = 60_000;

/** What of this machine's environment leads to the registries. */
const NETWORK = /^(?:https?_proxy|no_proxy|npm_config_(?:registry|cafile)|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR))$/i;
/** What of this machine's settings does. */
const SETTINGS = [
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/ssl/certs",
  "/usr/share/ca-certificates",
  "/usr/local/share/ca-certificates",
];

class Walk {
  readonly #root: string;
  readonly #env: Record<string, string>;
  readonly #signal: AbortSignal;
  readonly failures: string[] = [];

  constructor(root: string, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
    const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name)) as [string, string][];
    const registry = said(["npm", "config", "get", "registry"]).trim();
    const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    this.#env = { npm_config_registry: registry, ...Object.fromEntries(network), PATH, HOME: "/root", LANG: "C.UTF-8" };
  }

  /** One step: a script as root of the new machine. `wanted` is what its output must have in it. */
  async step(title: string, script: string, wanted: readonly RegExp[], minutes: number, outside = true): Promise<void> {
    if (this.#signal.aborted) return;
    console.log(`\n━━ ${title}`);
    const began = performance.now();
    let output = "";
    const decoder = new TextDecoder();
    const { code, timedOut } = await inBox({
      script,
      env: this.#env,
      limitMs: minutes * MINUTE,
      base: this.#root,
      outside,
      signal: this.#signal,
      onOutput: (chunk) => {
        output += decoder.decode(chunk, { stream: true });
        process.stdout.write(chunk);
      },
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const missing = wanted.filter((pattern) => !pattern.test(output)).map(String);
    const wrong = [
      ...(timedOut ? [`did not end within ${minutes} minutes`] : code !== 0 ? [`exit code ${code}`] : []),
      ...missing.map((pattern) => `its output has no ${pattern}`),
    ];
    this.failures.push(...wrong.map((each) => `${title}: ${each}`));
    console.log(
      `━━ ${wrong.length === 0 ? "✓" : "✗"} ${title}   ${seconds} s${wrong.map((each) => `\n     ${each}`).join("")}`,
    );
  }
}

function said(command: readonly string[], cwd = "/"): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd, stdout: "pipe", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: exit ${exitCode}\n${stdout}${stderr}`);
  return stdout.toString();
}

/** Where this machine's apt gets the Debian that runs here. */
function mirror(): { readonly uri: string; readonly suite: string } {
  const suite = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  if (suite === undefined) throw new Error("/etc/os-release names no release of Debian");
  const targets = said(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]);
  const uri = targets
    .split("\n")
    .find((line) => line.startsWith(`${suite} `))
    ?.split(" ")[1];
  if (uri === undefined) throw new Error(`apt knows no place for ${suite} (apt-get update helps)`);
  return { uri, suite };
}

/** The smallest Debian, with this machine's way to the registries, and a fresh clone of what is committed here. */
function make(root: string): void {
  const { uri, suite } = mirror();
  console.log(`━━ debootstrap --variant=minbase ${suite}`);
  // What it mounts and leaves when it is interrupted ends with its namespace.
  said(["unshare", "--mount", "debootstrap", "--variant=minbase", suite, root, uri]);
  for (const path of SETTINGS.filter(existsSync)) {
    mkdirSync(dirname(root + path), { recursive: true });
    rmSync(root + path, { recursive: true, force: true });
    cpSync(path, root + path, { recursive: true, dereference: true });
  }
  rmSync(`${root}/etc/apt`, { recursive: true });
  cpSync("/etc/apt", `${root}/etc/apt`, { recursive: true });
  const left = said(["git", "status", "--porcelain"], ROOT).trim();
  if (left !== "") console.log(`Not in the clone, because it is not committed:\n${left}`);
  said(["git", "clone", "-q", "--no-local", ROOT, `${root}/srv/tcpnet`]);
  said(["git", "clone", "-q", "--no-local", ROOT, `${root}/srv/newcomer/tcpnet`]);
  writeFileSync(`${root}/etc/hostname`, "box\n");
  chmodSync(root, 0o755);
}

const DEMO = "npx -y bun@1.4.5 run demo";
const TEST = "npx -y bun@1.4.5 run test";
const ARRIVED = /✓ host → peer .*\n *✓ peer → host /;
const PASSED = /\n\d{3,} passed, 0 failed\n$/;
const SKIPPED = /\n\d{3,} passed, 0 failed, \d+ skipped\n$/;
const PACKAGES = "nodejs npm";
const INSTALL = `apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends ${PACKAGES}`;

/** A line in the clone of a user who has no rights but his own. */
const asUser = (line: string) =>
  "id newcomer >/dev/null 2>&1 || useradd --home-dir /srv/newcomer newcomer; chown -R newcomer /srv/newcomer; " +
  `exec setpriv --reuid=newcomer --regid=newcomer --init-groups env HOME=/srv/newcomer sh -c 'cd ~/tcpnet && ${line}'`;

const asRoot = (line: string) => `cd /srv/tcpnet && ${line}`;

/** The README's block by hand, in one terminal instead of two. */
function byHand(): string {
  const block = /^sudo \.\/tcpnet netup[\s\S]*?(?=^```)/m.exec(readFileSync(`${ROOT}README.md`, "utf8"))![0];
  const [netup, host, peer, netdown] = block.split("\n").map((line) => line.replace(/^sudo | +#.*/g, ""));
  return asRoot(
    `set -e; ${netup}; ${host} </dev/null >/tmp/heard & echo typed | ${peer}; wait; cat /tmp/heard; ${netdown}`,
  );
}

async function walk(it: Walk): Promise<void> {
  await it.step("Node and npm, as Debian has them", INSTALL, [], 20);
  await it.step("an ordinary user, without the programs: the demo", asUser(DEMO), [ARRIVED], 10);
  const told = [/sudo apt-get install --no-install-recommends .*tshark/, /SKIPPED: /, SKIPPED];
  await it.step("an ordinary user, without the programs: the tests", asUser(TEST), told, 60);
  await it.step("root: the demo", asRoot(DEMO), [ARRIVED], 10);
  await it.step("root: the tests", asRoot(TEST), [/Installing them/, PASSED], 90);
  await it.step("root: the block by hand", byHand(), [/\ntyped\n/], 5, false);
}

const refused = await boxUnavailable();
if (refused !== "" || Bun.which("debootstrap") === null) {
  console.error(refused || "debootstrap is missing: apt-get install debootstrap");
  process.exit(3);
}
// Not in /tmp, which may be memory.
const folder = mkdtempSync(join(process.argv[2] ?? "/var/tmp", "tcpnet-newcomer-"));
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
try {
  const root = join(folder, "root");
  make(root);
  const it = new Walk(root, stop.signal);
  await walk(it);
  if (stop.signal.aborted) it.failures.push("interrupted");
  console.log(it.failures.length === 0 ? "\nboth commands work for a newcomer" : `\n${it.failures.join("\n")}`);
  process.exitCode = it.failures.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

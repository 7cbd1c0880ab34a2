import { expect } from "bun:test";
import { boxUnavailable, inBox } from "../support/box.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { CACHE, debs, FIREWALLS } from "./debs.ts";
import { BOXED, type TrialReport } from "./firewalls.ts";
import { outside } from "./guard.ts";
import { expectTrial } from "./trial.ts";

/** All four, on a busy machine; half a minute on a quiet one. */
const LIMIT_MS = 600_000;

const noBox = await boxUnavailable();
const files = FIREWALLS.map((name) => (noBox === "" ? debs(name) : noBox));
const missing = files.find((each) => typeof each === "string") ?? "";

interface Trial {
  readonly name: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let trials: Promise<readonly Trial[]> | undefined;

/**
 * Installs all firewalls in one box, and tries one after the other. Each gets a network and a /run of its own; what it
 * changes below /etc stays for the next one, and those that change something there for good come last.
 */
async function tryAll(): Promise<readonly Trial[]> {
  // apt-get knows the order of packages that must be set up before others are unpacked; nothing is left to download.
  const packages = [...new Set(files.flat())].join(" ");
  const apt = `apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends ${packages}`;
  const trial = [process.execPath, `${import.meta.dir}/trial.inside.ts`].join(" ");
  const script = `
${apt} >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; exit 1; }
for name in ${BOXED.map(({ name }) => name).join(" ")}; do
  # For ufw the box is one without firewalld.
  case $name in ufw*) rm -f /usr/bin/firewall-cmd ;; esac
  unshare --net --mount sh -c 'mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; ip link set lo up
    exec ${trial} "$0"' $name >/tmp/out 2>/tmp/err </dev/null
  ${process.execPath} -e '
    const [name, code] = process.argv.slice(1);
    const [stdout, stderr] = await Promise.all(["/tmp/out", "/tmp/err"].map((path) => Bun.file(path).text()));
    console.log(JSON.stringify({ name, code: Number(code), stdout, stderr }));' $name $?
done`;
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", ...outside };
  const { code, stdout, stderr, timedOut } = await inBox({ script, folders: [CACHE], env, limitMs: LIMIT_MS });
  const ended = [...stdout.matchAll(/^.+\n/gm)].map(([line]) => JSON.parse(line) as Trial);
  if (code === 0) return ended;
  const how = timedOut ? `did not end within ${LIMIT_MS / 1000} s` : `ended with exit code ${code}`;
  const names = ended.map(({ name }) => name).join(", ") || "none of them";
  throw new Error(`the box of the firewalls ${how}; these had been tried: ${names}\n${stderr}`);
}

for (const firewall of BOXED) {
  const name = `a real ${firewall.name}: forwarding alone does not pass, netup lets the lab through, netdown leaves all as found`;
  const reason = missing || lacks(["ip", "nft", "iptables-nft", "iptables-legacy"]);
  const inFirewallsBox = async () => {
    trials ??= tryAll();
    const { code, stdout, stderr } = (await trials).find((each) => each.name === firewall.name)!;
    if (code !== 0) throw new Error(`exit ${code}\n${stdout}${stderr}`);
    const report = JSON.parse(stdout) as TrialReport;
    expectTrial(firewall, report);
    expect(report.byHand.culprit).toMatch(/firewalld|ufw|Docker/);
  };
  testUnless(reason, name, inFirewallsBox, LIMIT_MS + 10_000);
}

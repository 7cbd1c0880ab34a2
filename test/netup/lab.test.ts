import { expect } from "bun:test";
import { readlinkSync } from "node:fs";
import type { NetdownResult } from "#netup/netdown";
import type { NetupResult } from "#netup/netup";
import type { StatusResult } from "#netup/status";
import { type Namespace, netTestWith } from "../support/netns.ts";
import { testUnless } from "../support/test-unless.ts";
import { until } from "../support/waiting.ts";
import { outside } from "./guard.ts";

/** What `inside.ts` prints. */
type Said<T> = { readonly ok: T; readonly text: string };
type Refused = { readonly error: string; readonly exitCode: number; readonly why: string; readonly fix: string };

const INSIDE = `${import.meta.dir}/inside.ts`;
/** The only state file: each test has a /run of its own. */
const STATE = "/run/tcpnet/state-*.json";

async function call<T>(ns: Namespace, words: readonly string[], as: readonly string[] = []): Promise<T> {
  const printed = await ns.must([...as, process.execPath, INSIDE, ...words], { env: outside });
  return JSON.parse(printed) as T;
}

const up = (ns: Namespace, options = {}) => call<Said<NetupResult>>(ns, ["netup", JSON.stringify(options)]);
const refuse = (ns: Namespace, options = {}) => call<Refused>(ns, ["netup", JSON.stringify(options)]);
const down = (ns: Namespace, options = {}) => call<Said<NetdownResult>>(ns, ["netdown", JSON.stringify(options)]);
const show = (ns: Namespace, options = {}) => call<Said<StatusResult>>(ns, ["status", JSON.stringify(options)]);

/** Where this runs without root there is one user in a namespace, and no other to try as. */
const isRoot = process.getuid?.() === 0;

/** Netup changes firewalls with these programs, and the tests look at them with the same. */
function netTest(name: string, work: (ns: Namespace) => Promise<void>): void {
  netTestWith(["nft", "iptables-nft", "setpriv"], name, work);
}

function rootTest(name: string, work: (ns: Namespace) => Promise<void>): void {
  if (isRoot) netTest(name, work);
  else testUnless("it needs root", name, () => {});
}

/** Another user, with no power but to read: the repository may lie in a folder of root's. */
function asUser(uid: number): string[] {
  const caps = "-all,+dac_read_search";
  return ["setpriv", `--reuid=${uid}`, "--clear-groups", `--inh-caps=${caps}`, `--ambient-caps=${caps}`];
}

/**
 * All that netup can change in a namespace. (A device that was ever up has a queueing discipline, as it will again; the
 * kernel notices a moment late that nobody holds a device open, and then says NO-CARRIER and `linkdown`.)
 */
async function everything(ns: Namespace): Promise<string> {
  const links =
    "ip -o link | sed 's/^[0-9]*: //; s/ qdisc [a-z_]*//; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//'";
  const addresses = "ip -o addr | sed 's/^[0-9]*: //'; ip route show table all | sed 's/ linkdown//'";
  const keys =
    "/proc/sys/net/ipv[46]/conf/*/*forwarding /proc/sys/net/ipv[46]/conf/*/accept_r* /proc/sys/net/ipv4/ip_forward";
  return ns.must([
    "sh",
    "-c",
    `nft -s list ruleset; iptables-nft-save | grep -v '^#'; ${links}; ${addresses}; grep -H . ${keys}; find /run`,
  ]);
}

netTest(
  "in an empty namespace netup works, a second netup does nothing, and netdown restores the machine",
  async (ns) => {
    const found = await everything(ns);
    const user = isRoot ? "nobody" : undefined;
    const first = await up(ns, { user });
    expect(first.ok.probe?.outcome).toBe("passed");
    expect(first.ok.exitCode).toBe(0);
    expect(first.ok.next.map((line) => line.replace("sudo ", ""))).toEqual([
      "./tcpnet host tun0 10.0.0.1/24 10.0.1.5",
      "./tcpnet peer tun1 10.0.1.1/24 10.0.0.7",
    ]);
    const standing = await everything(ns);
    const second = await up(ns, { user });
    expect(second.ok.steps).toEqual([]);
    expect(second.ok.probe?.outcome).toBe("passed");
    expect(await everything(ns)).toBe(standing);
    const undone = await down(ns);
    expect(undone.ok.undone.map((each) => each.outcome)).toEqual([
      "restored",
      "restored",
      "restored",
      "restored",
      "restored",
    ]);
    expect(await everything(ns)).toBe(found);
    expect((await down(ns)).text).toBe("tcpnet netdown: nothing to do");
  },
);

netTest("a dry run changes nothing and prints every command", async (ns) => {
  const found = await everything(ns);
  const { ok, text } = await up(ns, { dryRun: true });
  expect(text).toContain("nothing was changed");
  expect(text).toContain("ip tuntap add dev tun0 mode tun");
  expect(text).toContain("sysctl -w net.ipv4.conf.tun1.forwarding=1");
  expect(ok.steps.find((step) => step.kind === "notrack")?.input).toContain('"notrack":null');
  expect(await everything(ns)).toBe(found);
});

netTest("what netup made is found and undone without the state file", async (ns) => {
  await ns.must(["iptables-nft", "-P", "FORWARD", "DROP"]);
  const found = await everything(ns);
  await up(ns);
  await ns.must(["sh", "-c", `rm ${STATE}`]);
  const undone = await down(ns);
  expect(undone.ok.undone.map((each) => each.key.split(" ")[0]).sort()).toEqual([
    "link",
    "link",
    "rule",
    "rule",
    "table",
  ]);
  expect(await everything(ns)).toBe(found);
});

netTest("if a step fails, the steps before it are undone and the error names the step", async (ns) => {
  await ns.must(["iptables-nft", "-P", "FORWARD", "DROP"]);
  const found = await everything(ns);
  for (const broken of [
    "nft -j -f",
    "iptables-nft -w 5 -t filter -I",
    "ip link set dev tun1 up",
    "ip addr add 10.0.1.1",
  ]) {
    const refused = await call<Refused>(ns, ["netup", "{}", broken]);
    expect(refused.exitCode).toBe(3);
    expect(refused.why).toContain("broken for the test");
    expect(refused.why).toContain("all changes were undone");
    expect(await everything(ns)).toBe(found);
  }
});

netTest("after netup is killed at any moment, netdown restores the machine exactly", async (ns) => {
  await ns.must(["iptables-nft", "-P", "FORWARD", "DROP"]);
  const found = await everything(ns);
  let moments = 0;
  for (let killed = true; killed; moments++) {
    const env = { ...outside, TCPNET_TEST_DIES: String(moments) };
    killed = (await ns.run([process.execPath, INSIDE, "netup"], { env })).code === 128 + 9;
    expect((await down(ns)).ok.exitCode).toBe(0);
    expect(await everything(ns)).toBe(found);
  }
  // Ten commands for the devices, two sysctls, two rules, one table; eight times the state; the run that came through.
  expect(moments).toBe(24);
});

netTest("after netup is killed at any moment, the next netup completes the setup", async (ns) => {
  await ns.must(["iptables-nft", "-P", "FORWARD", "DROP"]);
  const found = await everything(ns);
  await up(ns);
  const standing = await everything(ns);
  await down(ns);
  let killed = true;
  for (let moments = 0; killed; moments++) {
    const env = { ...outside, TCPNET_TEST_DIES: String(moments) };
    killed = (await ns.run([process.execPath, INSIDE, "netup"], { env })).code === 128 + 9;
    const { ok } = await up(ns);
    expect([moments, ok.exitCode, ok.probe?.outcome, await everything(ns)]).toEqual([moments, 0, "passed", standing]);
    expect((await down(ns)).ok.exitCode).toBe(0);
    expect(await everything(ns)).toBe(found);
  }
});

netTest("after netdown is killed at any moment, the next netdown restores the machine exactly", async (ns) => {
  await ns.must(["iptables-nft", "-P", "FORWARD", "DROP"]);
  const found = await everything(ns);
  let killed = true;
  for (let moments = 0; killed; moments++) {
    await up(ns);
    const env = { ...outside, TCPNET_TEST_DIES: String(moments) };
    killed = (await ns.run([process.execPath, INSIDE, "netdown"], { env })).code === 128 + 9;
    expect((await down(ns)).ok.exitCode).toBe(0);
    expect(await everything(ns)).toBe(found);
  }
});

netTest("netdown removes files that killed programs left, and none that is in use", async (ns) => {
  const here = "/run/tcpnet";
  await up(ns);
  const other = /\d+/.exec(outside.TCPNET_TEST_OUTSIDE!)![0];
  // A namespace that is gone, one that lives (the test's own), a state that was being written.
  for (const name of ["state-1.json", `state-${other}.json`, "state-2.json.new"])
    await ns.must(["touch", `${here}/${name}`]);
  const listen = `Bun.listen({ unix: process.argv[1], socket: { data() {} } }); console.log("listening");`;
  const listeners = ["link-1-dead.sock", "link-1-alive.sock"].map((name) =>
    ns.spawn([process.execPath, "-e", listen, `${here}/${name}`]),
  );
  for (const listener of listeners) await listener.stdout.getReader().read();
  listeners[0]!.kill("SIGKILL");
  await listeners[0]!.exited;
  // What is that young may be about to be listened at.
  await ns.must(["touch", "-d", "-1min", `${here}/link-1-dead.sock`, `${here}/link-1-alive.sock`]);
  const { ok, text } = await down(ns);
  expect(ok.exitCode).toBe(0);
  expect(text).toContain(`removed   ${here}/link-1-dead.sock, left by a killed program`);
  // In a container nobody can know which of the machine's namespaces are gone.
  const gone = readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]" ? [] : ["state-1.json"];
  const left = (await ns.must(["ls", here])).trim().split("\n");
  expect(left).toEqual(["link-1-alive.sock", ...gone, `state-${other}.json`]);
  listeners[1]!.kill("SIGKILL");
});

netTest("a state file that somebody else may have written is refused: exit code 3", async (ns) => {
  await up(ns);
  const forge = async (line: string) => {
    await ns.must(["sh", "-c", line]);
    const refused = await call<Refused>(ns, ["netdown", "{}"]);
    return [refused.exitCode, refused.why];
  };
  const mend = `chmod 644 ${STATE}; chmod 755 /run/tcpnet`;
  expect(await forge(`chmod 666 ${STATE}`)).toEqual([3, expect.stringMatching(/others may write to \S+ \(mode 666\)/)]);
  expect(await forge(`${mend}; chmod 777 /run/tcpnet`)).toEqual([
    3,
    expect.stringMatching(/others may write to \/run\/tcpnet /),
  ]);
  const link = `for f in ${STATE}; do mv $f /run/real; ln -s /run/real $f; done`;
  expect(await forge(`${mend}; ${link}`)).toEqual([3, expect.stringContaining("symbolic link")]);
});

netTest("switching global forwarding on and off again keeps every interface's own setting", async (ns) => {
  await ns.must(["ip", "link", "add", "other", "type", "veth", "peer", "name", "far"]);
  await ns.must(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/other/forwarding"]);
  const found = await everything(ns);
  const { ok } = await up(ns, { globalForward: true });
  expect(ok.probe?.outcome).toBe("passed");
  expect((await show(ns)).ok.forwarding.global).toBe("yes");
  await down(ns);
  expect(await everything(ns)).toBe(found);
});

netTest("with --v6 both families pass, without it IPv6 is left alone", async (ns) => {
  const found = await everything(ns);
  const { ok } = await up(ns, { v6: true });
  expect(ok.probe?.trials.map((trial) => [trial.family, trial.arrived])).toEqual([
    [4, true],
    [4, true],
    [6, true],
    [6, true],
  ]);
  const status = await show(ns);
  expect(status.ok.forwarding.ipv6).toEqual({ tun0: "yes", tun1: "yes" });
  await down(ns);
  expect(await everything(ns)).toBe(found);
  await up(ns);
  expect((await show(ns)).ok.forwarding.ipv6).toEqual({ tun0: "no", tun1: "no" });
});

netTest("towards an uplink the lab is masqueraded, and only there", async (ns) => {
  await ns.must(["sh", "-c", "iptables-nft -P FORWARD DROP"]);
  await ns.must([
    "sh",
    "-c",
    // Without addresses that the kernel makes itself, and which would come a second later.
    "ip link add up0 type veth peer name far0; ip link set up0 addrgenmode none; ip link set far0 addrgenmode none",
  ]);
  await ns.must(["sh", "-c", "ip addr add 192.0.2.1/24 dev up0; ip link set up0 up"]);
  await ns.must(["sh", "-c", "ip link set far0 up; ip route add default via 192.0.2.2 dev up0"]);
  // The kernel makes the multicast routes of both ends some time after they are up.
  const routes = async () => (await ns.must(["ip", "-6", "route", "show", "table", "local"])).match(/^multicast/gm);
  await until(async () => (await routes())?.length === 2);
  const found = await everything(ns);
  const { ok } = await up(ns, { uplink: "auto" });
  expect(ok.uplink).toBe("up0");
  expect(ok.probe?.outcome).toBe("passed");
  const far = "ip saddr 192.0.2.1 ip daddr 198.51.100.5 counter";
  const watch = `table netdev far { chain in { type filter hook ingress device "far0" priority 0; ${far}; }; }`;
  await ns.must(["sh", "-c", "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev up0"]);
  await ns.must(["nft", watch]);
  await ns.bun(`${import.meta.dir}/outward.inside.ts`, ["198.51.100.1/24"], { env: outside });
  expect(await ns.must(["nft", "list", "table", "netdev", "far"])).toContain("counter packets 1 ");
  const rules = await ns.must(["nft", "list", "table", "inet", "tcpnet"]);
  expect(rules).toContain('oifname "up0" counter packets 1 bytes 40 masquerade');
  expect(rules).toMatch(/counter packets 1 bytes 40 tcp option maxseg size set rt mtu/);
  await ns.must(["sh", "-c", "nft delete table netdev far; ip neigh flush dev up0 nud permanent"]);
  const again = await up(ns);
  expect(again.ok.steps).toEqual([]);
  await down(ns);
  expect(await everything(ns)).toBe(found);
});

netTest("a device that netup did not make is refused, adopted with --force, and restored by netdown", async (ns) => {
  await ns.must(["sh", "-c", "ip tuntap add tun0 mode tun; ip link set tun0 alias vpn addrgenmode none"]);
  const found = await everything(ns);
  const refused = await refuse(ns);
  expect(refused.exitCode).toBe(3);
  expect(refused.error).toBe("tun0 exists already and was not made by netup");
  expect(await everything(ns)).toBe(found);
  expect((await up(ns, { ifs: "lab0,lab1" })).ok.probe?.outcome).toBe("passed");
  await down(ns);
  expect((await up(ns, { force: true })).ok.probe?.outcome).toBe("passed");
  await down(ns);
  expect(await everything(ns)).toBe(found);
});

netTest("a device of another kind is refused even with --force", async (ns) => {
  await ns.must(["ip", "link", "add", "tun0", "type", "veth", "peer", "name", "far"]);
  const refused = await refuse(ns, { force: true });
  expect(refused.exitCode).toBe(3);
  expect(refused.why).toContain("veth");
});

netTest("a prefix that is routed elsewhere is refused, and the suggested one is free", async (ns) => {
  await ns.must([
    "sh",
    "-c",
    "ip link add lan type veth peer name far; ip addr add 10.0.1.77/16 dev lan; ip link set lan up",
  ]);
  const refused = await refuse(ns);
  expect(refused.exitCode).toBe(3);
  expect(refused.why).toBe("this machine routes 10.0.0.0/16 through lan");
  const subnet = /--subnet (\S+)$/.exec(refused.fix)![1];
  expect((await up(ns, { subnet })).ok.probe?.outcome).toBe("passed");
});

rootTest(
  "the owner opens the devices without privileges, with offload and without, and nobody else does",
  async (ns) => {
    await ns.must(["sh", "-c", "mknod /run/tun c 10 200; chmod 666 /run/tun; mount --bind /run/tun /dev/net/tun"]);
    const { ok } = await up(ns, { user: "nobody" });
    expect(ok.next[0]).toStartWith("./tcpnet host");
    const open = [process.execPath, `${import.meta.dir}/open.inside.ts`, "tun0"];
    const opened = await ns.run([...asUser(65_534), ...open], { env: { ...outside, HOME: "/run" } });
    expect(opened.stderr).toBe("");
    expect(opened.stdout).toBe("tun0 mtu 1500 queue 2000 tso true\ntun0 mtu 1500 queue 2000 tso false\n");
    const other = await ns.run([...asUser(65_533), ...open], { env: { ...outside, HOME: "/run" } });
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain("EPERM");
  },
);

rootTest("without root netup is refused with exit code 4, and status says unknown, never no", async (ns) => {
  await up(ns);
  const as = asUser(65_534);
  expect((await call<Refused>(ns, ["netup", "{}"], as)).exitCode).toBe(4);
  expect((await call<Refused>(ns, ["netdown", "{}"], as)).exitCode).toBe(4);
  const { ok, text } = await call<Said<StatusResult>>(ns, ["status", "{}"], as);
  expect(ok.rules).toBe("unknown");
  expect(ok.firewalls).toBe("unknown");
  expect(ok.untracked).toBe("unknown");
  expect(text).toContain("firewall unknown (needs root)");
  expect(ok.exitCode).toBe(0);
});

netTest("netdown does not touch what somebody else changed since", async (ns) => {
  await up(ns);
  await ns.must(["ip", "link", "set", "tun0", "alias", "mine now"]);
  const undone = await down(ns);
  expect(undone.ok.undone.find((each) => each.key === "link tun0")?.outcome).toBe("left");
  expect(undone.ok.exitCode).toBe(0);
  expect(await ns.must(["ip", "-o", "link"])).toContain("alias mine now");
});

netTest("while netup's setup exists, netup and netdown with other names do nothing", async (ns) => {
  await up(ns);
  const refused = await refuse(ns, { ifs: "lab0,lab1" });
  expect([refused.exitCode, refused.error]).toEqual([3, "netup was already run with other devices"]);
  const standing = await everything(ns);
  const wrong = await call<Refused>(ns, ["netdown", '{"ifs":"lab0,lab1"}']);
  expect([wrong.exitCode, wrong.error]).toEqual([3, "netup set up tun0,tun1, not lab0,lab1"]);
  expect(await everything(ns)).toBe(standing);
  const other = await refuse(ns, { subnet: "10.77.0.0/16" });
  expect([other.exitCode, other.error]).toEqual([3, "tun0 is already set up, with other settings"]);
});

netTest(
  "status says why a device is missing: netup has not run, has set up others, or somebody deleted one",
  async (ns) => {
    const said = async (options = {}) => {
      const { findings, exitCode } = (await show(ns, options)).ok;
      return [exitCode, findings[0]?.what, findings[0]?.fix.replace(/^sudo /, "")];
    };
    expect(await said()).toEqual([3, "netup has not been run", "./tcpnet netup"]);
    await up(ns, { ifs: "lab0,lab1" });
    expect(await said()).toEqual([0, undefined, undefined]);
    expect(await said({ ifs: "tun0,tun1" })).toEqual([3, "netup set up lab0,lab1, not tun0,tun1", "./tcpnet status"]);
    await ns.must(["ip", "link", "del", "lab1"]);
    expect(await said()).toEqual([3, "lab1 was deleted after netup had run", "./tcpnet netup --ifs lab0,lab1"]);
    // What is to be typed helps.
    await up(ns, { ifs: "lab0,lab1" });
    expect(await said()).toEqual([0, undefined, undefined]);
  },
);

netTest("several netups at once run one after the other, and the lock of a killed one is released", async (ns) => {
  const found = await everything(ns);
  const all = await Promise.all([up(ns), up(ns), up(ns), up(ns)]);
  expect(all.map(({ ok }) => ok.exitCode)).toEqual([0, 0, 0, 0]);
  expect(all.filter(({ ok }) => ok.steps.length > 0).length).toBe(1);
  await ns.must(["sh", "-c", "echo 4194305 > /run/tcpnet/lock"]);
  await Promise.all([down(ns), down(ns)]);
  expect(await everything(ns)).toBe(found);
});

netTest("with a device in use no probe is sent, and the setup is complete", async (ns) => {
  await up(ns);
  const script = `import { openTun } from "#device/tun"; openTun({ name: "tun0" }); console.log("open"); setInterval(() => {}, 1000);`;
  const holder = ns.spawn([process.execPath, "-e", script], { cwd: `${import.meta.dir}` });
  await holder.stdout.getReader().read();
  const { ok } = await up(ns);
  expect(ok.probe?.outcome).toBe("untried");
  expect(ok.findings.map((finding) => finding.why).join()).toContain("tun0");
  expect(ok.exitCode).toBe(0);
  holder.kill("SIGKILL");
});

netTest("without nft, iptables' raw table turns off tracking, and netdown removes the rules", async (ns) => {
  const env = { ...outside, TCPNET_TEST_WITHOUT: "nft" };
  const said = JSON.parse(await ns.must([process.execPath, INSIDE, "netup"], { env })) as Said<NetupResult>;
  expect(said.ok.probe?.outcome).toBe("passed");
  expect(await ns.must(["iptables-nft", "-t", "raw", "-S"])).toContain("-A PREROUTING -d 10.0.1.0/24 -i tun0");
  await ns.must(["sh", "-c", `rm ${STATE}`]);
  await ns.must([process.execPath, INSIDE, "netdown"], { env });
  expect(await ns.must(["iptables-nft", "-t", "raw", "-S"])).not.toContain("tun0");
});

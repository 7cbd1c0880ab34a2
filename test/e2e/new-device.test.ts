/** A device name with a typing error in it: root makes a device of that name, and is told so, and what netup made. */
import { expect } from "bun:test";
import { labTest, PEER } from "./lab.ts";

const typed = (name: string, cidr: string) => ["peer", name, cidr, ...PEER.slice(3)];

labTest(
  "a newly made device is reported, with netup's devices and the command that was probably meant",
  async (lab) => {
    const peer = lab.tcpnet(...typed("tun9", "10.0.9.1/24"));
    await peer.says(/tun9 was not there: a new device was made; netup made tun0 and tun1/);
    await peer.says(/warning tun9 is a new device.*\n +if you meant tun1: \S+ peer tun1 10\.0\.1\.1\/24 10\.0\.0\.7/);
    peer.child.kill("SIGTERM");
    await peer.ended;
    const json = lab.tcpnet(...typed("tun9", "10.0.9.1/24"), "--json");
    await json.says(/"event":"new-device","tun":"tun9","netup":\["tun0","tun1"\]/);
    json.child.kill("SIGTERM");
    await json.ended;
  },
);

labTest("a wrong device name with the right address is refused: the address belongs to another device", async (lab) => {
  const { code, stderr } = await lab.tcpnet(...typed("tun9", PEER[2])).ended;
  expect([code, stderr]).toEqual([3, expect.stringContaining("10.0.1.1 is already the address of tun1: use tun1")]);
  expect(await lab.ns.must(["ip", "-br", "link"])).not.toContain("tun9");
  const six = ["peer", "tun9", "fd00:b::1/64", "fd00:a::7"];
  await lab.ns.must(["ip", "addr", "add", "fd00:b::1/64", "dev", "tun1", "nodad"]);
  expect((await lab.tcpnet(...six).ended).stderr).toContain("fd00:b::1 is already the address of tun1: use tun1");
});

labTest(
  "the kernel's address on the other device is refused as <remote> while no program has that device open",
  async (lab) => {
    const host = await lab.tcpnet("host", "tun0", "10.0.0.1/24", "10.0.1.1").ended;
    expect([host.code, host.stderr]).toEqual([
      2,
      expect.stringContaining("10.0.1.1 is the kernel's own address on tun1"),
    ]);
    const peer = await lab.tcpnet("peer", "tun1", "10.0.1.1/24", "10.0.0.1").ended;
    expect([peer.code, peer.stderr]).toEqual([
      2,
      expect.stringContaining("10.0.0.1 is the kernel's own address on tun0"),
    ]);
    // With --kernel it is this machine itself, which has no listener there.
    const refused = await lab.tcpnet("peer", "tun1", "10.0.1.1/24", "10.0.0.1", "--kernel").ended;
    expect([refused.code, refused.stderr]).toEqual([10, expect.stringContaining("start the program first")]);
  },
);

labTest(
  "a new device is reported without a warning if netup made none, and netup's devices are not reported",
  async (lab) => {
    const own = lab.tcpnet("host", "tun5", "10.0.8.1/24", "10.0.8.7", "--echo");
    await own.says(/tun5 was not there: a new device was made\n[\s\S]*waiting/);
    expect(own.stderr).not.toContain("warning");
    own.child.kill("SIGTERM");
    await own.ended;
    await lab.ns.must(["ip", "tuntap", "add", "tun5", "mode", "tun"]);
    const again = lab.tcpnet("host", "tun5", "10.0.8.1/24", "10.0.8.7", "--echo", "--force");
    await again.says(/waiting/);
    expect(again.stderr).not.toContain("was not there");
    again.child.kill("SIGTERM");
    await again.ended;
  },
  { netup: null },
);

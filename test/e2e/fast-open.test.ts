/** TCP Fast Open between a stack and the kernel (RFC 7413). */
import { expect } from "bun:test";
import { netTestWith } from "../support/netns.ts";

for (const [role, name, expected] of [
  [
    "server",
    "the kernel's client gets a cookie of ours and shows it, and what goes with its SYN is taken",
    ["5000 0", "5000 1", "5000 1"],
  ],
  [
    "client",
    "the kernel's server gives us a cookie, and takes what goes with our SYN from then on",
    [
      [true, false, "no-cookie"],
      [true, true, ""],
      [true, true, ""],
    ],
  ],
] as const) {
  netTestWith(["python3"], name, async (ns) => {
    await ns.must(["sh", "-c", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen"]);
    const { stdout, stderr } = await ns.run([process.execPath, "test/e2e/fast-open.inside.ts", role]);
    expect({ stderr, told: JSON.parse(stdout || "null") }).toEqual({ stderr: "", told: expected as never });
  });
}

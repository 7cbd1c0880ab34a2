import { type Namespace, netTestWith } from "../support/netns.ts";

const BUN = process.execPath;

netTestWith(
  ["unshare"],
  "a TUN descriptor that somebody else opened is a device, or is refused in words",
  async (ns: Namespace) => {
    await ns.must([BUN, "test", "./test/device/tun-descriptor.inside.ts"], { timeoutMs: 60_000 });
  },
  70_000,
);

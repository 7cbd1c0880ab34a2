import { type Namespace, netTestWith } from "../support/netns.ts";

const BUN = process.execPath;

netTestWith(
  ["setpriv"],
  "the TUN device does what every device does, and fails in words",
  async (ns: Namespace) => {
    await ns.must([BUN, "test", "./test/device/tun.inside.ts"], { timeoutMs: 60_000 });
  },
  70_000,
);

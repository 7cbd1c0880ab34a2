import { type Namespace, netTestWith } from "../support/netns.ts";

const BUN = process.execPath;

netTestWith(
  ["unshare"],
  "host takes a TUN descriptor from the program that starts it, or says why not",
  async (ns: Namespace) => {
    await ns.must([BUN, "test", "./test/e2e/tun-fd.inside.ts"], { timeoutMs: 60_000 });
  },
  70_000,
);

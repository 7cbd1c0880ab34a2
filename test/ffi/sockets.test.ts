import { netTest } from "../support/netns.ts";

netTest("the kernel's sockets answer as their manual pages say", async (ns) => {
  await ns.must([process.execPath, "test", "./test/ffi/sockets.inside.ts"]);
});

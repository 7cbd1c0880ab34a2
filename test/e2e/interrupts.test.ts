/** How a conversation ends that is told to from outside: Ctrl-C once and twice, SIGTERM. */
import { expect } from "bun:test";
import { HOST, labTest, open, PEER } from "./lab.ts";

labTest("a reset during a transfer: 12; the second Ctrl-C resets: 130", async (lab) => {
  const { host, peer } = await open(lab);
  host.child.kill("SIGINT");
  await host.says(/FIN sent; waiting up to 10 s for the other side to close; Ctrl-C again resets/);
  await peer.says(/CLOSE-WAIT/);
  host.child.kill("SIGINT");
  expect((await host.ended).code).toBe(130);
  const { code, stderr } = await peer.ended;
  expect(code).toBe(12);
  expect(stderr).toMatch(/reset the connection/);
});

labTest("Ctrl-C ends both directions in order when the other side closes, too: 130, and 0 there", async (lab) => {
  const { host, peer } = await open(lab);
  host.type("last words");
  await peer.gives("last words".length);
  host.child.kill("SIGINT");
  await peer.says(/CLOSE-WAIT/);
  peer.endInput();
  const [h, p] = await Promise.all([host.ended, peer.ended]);
  expect([h.code, p.code, p.stdout.toString()]).toEqual([130, 0, "last words"]);
});

labTest("Ctrl-C before anybody connected ends at once, with a message", async (lab) => {
  const host = lab.tcpnet(...HOST);
  await host.says(/waiting at/);
  host.child.kill("SIGINT");
  const { code, stderr } = await host.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/· stopped: nobody was connected\n$/);
});

labTest("Ctrl-C if the other side does not close: after 10 s the connection is reset, with a message", async (lab) => {
  const { host, peer } = await open(lab);
  const began = performance.now();
  host.child.kill("SIGINT");
  const { code, stderr } = await host.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/FIN sent[\s\S]*the other side has not closed within 10 s: reset[\s\S]*ended by this side/);
  expect(performance.now() - began).toBeGreaterThan(9_000);
  expect((await peer.ended).code).toBe(12);
});

labTest("Ctrl-C in the middle of a file: RST, so that the other side does not take it for the whole", async (lab) => {
  for (const [hostFlags, peerFlags, words] of [
    [["--send", "/dev/zero"], ["--recv", "/dev/null"], /FIN sent|must still be delivered/],
    [
      ["--source", "10G"],
      ["--recv", "/dev/null"],
      /not all of it was sent yet: sending RST, so that the other side notices/,
    ],
    // If everything has been read by then, the FIN goes first, and the RST answers the data that follows.
    [["--recv", "/dev/null"], ["--source", "10G"], /the other side was still sending: sending RST, so that|FIN sent/],
  ] as const) {
    const { host, peer } = await open(lab, hostFlags, peerFlags);
    await Bun.sleep(300);
    host.child.kill("SIGINT");
    await host.says(words);
    peer.endInput();
    const [h, p] = await Promise.all([host.ended, peer.ended]);
    expect([h.code, p.code]).toEqual([130, hostFlags[1] === "/dev/zero" ? 0 : 12]);
  }
});

labTest("SIGTERM reports nothing about connections that have already ended", async (lab) => {
  const host = lab.tcpnet(...HOST, "--keep", "--send", "README.md");
  await host.says(/waiting/);
  const peer = lab.tcpnet(...PEER);
  await peer.says(/CLOSE-WAIT/);
  peer.endInput();
  await peer.ended;
  await host.says(/TIME-WAIT[\s\S]*waiting for the next/);
  host.child.kill("SIGTERM");
  const { code, stderr } = await host.ended;
  expect(code).toBe(143);
  expect(stderr).not.toMatch(/ABORT/);
});

labTest("SIGTERM: an RST to the other side, and 143", async (lab) => {
  const { host, peer } = await open(lab);
  host.child.kill("SIGTERM");
  expect([(await host.ended).code, (await peer.ended).code]).toEqual([143, 12]);
});

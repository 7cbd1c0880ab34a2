import assert from "node:assert/strict";
import { subject } from "./ground.ts";

const { all, it } = subject("isIP");
export default all;

const FOUR = ["127.0.0.1", "0.0.0.0", "255.255.255.255", "10.0.0.7"];
const SIX = [
  "::1",
  "::",
  "fd00::7",
  "::ffff:10.0.0.7",
  "2001:252:0:1::2008:6",
  "fe80::1%eth0",
  "1:2:3:4:5:6:7:8",
  "1::8",
];
const NEITHER = [
  "",
  "x",
  "10.0.0",
  "10.0.0.256",
  "10.0.0.07",
  "010.0.0.7",
  "10.0.0.7 ",
  " 10.0.0.7",
  "10.0.0.7.1",
  "0000:0000:0000:0000:0000:0000:0000:0000::0000",
  ":::1",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "fe80::1%",
  "::1 ",
  "[::1]",
  "::ffff:10.0.0.256",
  "12345::1",
];

it("addresses of both versions, and what is none", async ({ net }) => {
  const said = (texts: readonly string[]) =>
    texts.map((text) => [text, net.isIP(text), net.isIPv4(text), net.isIPv6(text)]);
  assert.deepEqual(
    said(FOUR),
    FOUR.map((text) => [text, 4, true, false]),
  );
  assert.deepEqual(
    said(SIX),
    SIX.map((text) => [text, 6, false, true]),
  );
  assert.deepEqual(
    said(NEITHER),
    NEITHER.map((text) => [text, 0, false, false]),
  );
});

it("what is no text is read as text", async ({ net }) => {
  const odd = [undefined, null, 0, 1, {}, [], true, { toString: () => "::1" }] as unknown as string[];
  assert.deepEqual(
    odd.map((value) => net.isIP(value)),
    [0, 0, 0, 0, 0, 0, 0, 6],
  );
});

it("the module has the same names, by import and as its default", async ({ net }) => {
  const names = [
    "BlockList Server Socket SocketAddress Stream connect createConnection createServer isIP isIPv4 isIPv6",
    "getDefaultAutoSelectFamily setDefaultAutoSelectFamily",
    "getDefaultAutoSelectFamilyAttemptTimeout setDefaultAutoSelectFamilyAttemptTimeout",
  ];
  const module = net as unknown as Record<string, unknown>;
  for (const name of names.join(" ").split(" ")) assert.equal(typeof module[name], "function", name);
  assert.equal(module.Stream, net.Socket);
  assert.equal(net.Socket.name, "Socket");
  assert.equal(net.Server.name, "Server");
});

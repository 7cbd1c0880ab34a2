import assert from "node:assert/strict";
import { once } from "node:events";
import { connected, noting, over, pause, subject } from "./ground.ts";

const { all, it } = subject("setTimeout");
export default all;

it("timeout comes after silence, and the socket goes on", async (ground) => {
  const ends = await connected(ground);
  let called = 0;
  ends.client.setTimeout(20, () => called++);
  assert.equal(ends.client.timeout, 20);
  await once(ends.client, "timeout");
  assert.equal(called, 1);
  assert.equal(ends.client.destroyed, false);
  ends.client.write("still here");
  const [chunk] = await once(ends.accepted, "data");
  assert.equal(String(chunk), "still here");
  await over(ends);
});

it("what is sent and what is received postpones it", async (ground) => {
  const ends = await connected(ground);
  ends.accepted.on("data", (chunk) => ends.accepted.write(chunk));
  ends.client.resume();
  const seen = noting(ends.client, "timeout");
  ends.client.setTimeout(400);
  for (let i = 0; i < 8; i++) {
    ends.client.write("x");
    await pause(80);
  }
  assert.deepEqual(seen, []);
  await over(ends);
});

it("0 takes it back, with its callback", async (ground) => {
  const ends = await connected(ground);
  const callback = () => assert.fail("timed out");
  ends.client.setTimeout(10, callback);
  ends.client.setTimeout(0, callback);
  assert.equal(ends.client.listenerCount("timeout"), 0);
  await pause(30);
  await over(ends);
});

it("the option timeout of connect", async (ground) => {
  const ends = await connected(ground, {}, { timeout: 30 });
  assert.equal(ends.client.timeout, 30);
  await once(ends.client, "timeout");
  await over(ends);
});

it("nothing comes after the end", async (ground) => {
  const ends = await connected(ground);
  const seen = noting(ends.client, "timeout");
  ends.client.setTimeout(10);
  await over(ends);
  await pause(30);
  assert.deepEqual(seen, []);
});

it("its arguments are checked", async ({ peer }) => {
  const socket = new peer.Socket();
  const set = (ms: unknown, callback?: unknown) => () => socket.setTimeout(ms as number, callback as () => void);
  assert.throws(set("x"), { code: "ERR_INVALID_ARG_TYPE" });
  assert.throws(set(-1), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(set(Number.NaN), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(set(Number.POSITIVE_INFINITY), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(set(1, "x"), { code: "ERR_INVALID_ARG_TYPE" });
});

import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { Handover } from "../../src/cli/handover.ts";

const CLOSE_ON_EXEC = 0o2000000;
const closesOnExec = (fd: number) =>
  (Number.parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8) &
    CLOSE_ON_EXEC) !==
  0;

test("what was kept is taken under its name, each once and in its order, and closes on exec again", () => {
  const fds = [1, 2, 3].map(() => openSync("/dev/null", "r"));
  const first = new Handover(undefined);
  first.isPending = true;
  expect(first.isReceived).toBe(false);
  first.keep("a", fds[0]!);
  first.keep("b", fds[1]!);
  first.keep("a", fds[2]!);
  first.say("who", "nobody");
  expect(fds.map(closesOnExec)).toEqual([true, true, true]);
  const text = first.handOver();
  expect(fds.map(closesOnExec)).toEqual([false, false, false]);
  const second = new Handover(text);
  expect(second.isReceived).toBe(true);
  expect(fds.map(closesOnExec)).toEqual([true, true, true]);
  expect([second.take("a"), second.take("a"), second.take("a")]).toEqual([fds[0], fds[2], undefined]);
  expect([second.take("b"), second.word("who"), second.word("what")]).toEqual([fds[1], "nobody", undefined]);
  for (const fd of fds) closeSync(fd);
});

test("without a second life nothing is kept for it", () => {
  const only = new Handover(undefined);
  only.keep("a", 0);
  expect(JSON.parse(only.handOver())).toEqual({ words: {}, descriptors: [] });
});

test("a text that is no table is none", () => {
  for (const text of [
    "",
    "1",
    "null",
    "{}",
    '{"words":{}}',
    '{"words":{"a":1},"descriptors":[]}',
    '{"words":{},"descriptors":[["a","1"]]}',
    '{"words":{},"descriptors":[["a",-1]]}',
    '{"words":{},"descriptors":[[1,1]]}',
    '{"words":null,"descriptors":[]}',
  ]) {
    expect([text, new Handover(text).isReceived]).toEqual([text, false]);
  }
});

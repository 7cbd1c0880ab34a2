import { expect, test } from "bun:test";
import { joinStackGroup } from "#socket/join-stack-group";
import { type Namespace, netTest } from "../support/netns.ts";

netTest(
  "stacks on the queues of one device",
  async (ns: Namespace) => {
    await ns.must([process.execPath, "test", "./test/socket/stack-group.inside.ts"], { timeoutMs: 280_000 });
  },
  300_000,
);

test("joinStackGroup outside a group is refused in words", () => {
  expect(() => joinStackGroup(() => {})).toThrow("joinStackGroup is for the worker module of createStackGroup");
});

import { expect, test } from "bun:test";
import { ownEnvironment, toolEnvironment, toolPath } from "#ffi/environment";

test("root's tools are looked for in the system's folders alone, anybody else's in their own first", () => {
  expect(toolPath("/mine/bin:.", true)).toStartWith("/usr/sbin:/usr/bin:/sbin:/bin:");
  expect(toolPath("/mine/bin:.", true)).not.toContain("mine");
  expect(toolPath("/mine/bin", false)).toStartWith("/mine/bin:/usr/sbin:");
  expect(toolPath("", false)).toStartWith("/usr/sbin:");
});

test("a tool gets two variables", () => {
  expect(Object.keys(toolEnvironment()).sort()).toEqual(["LC_ALL", "PATH"]);
});

test("this program, started again, gets what it knows and what it is told", () => {
  const evil = { LD_PRELOAD: "x", BUN_OPTIONS: "x", BUN_JSC_x: "1", HOME: "/x", NODE_OPTIONS: "x", PYTHONPATH: "x" };
  const from = {
    ...evil,
    TERM: "xterm",
    SUDO_UID: "1000",
    NO_COLOR: undefined,
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "/x",
  };
  expect(ownEnvironment({ TOLD: "yes", NOT: undefined }, from)).toEqual({
    PATH: toolPath(undefined),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    TERM: "xterm",
    SUDO_UID: "1000",
    TOLD: "yes",
  });
});

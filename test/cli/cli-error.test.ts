import { expect, test } from "bun:test";
import { CliError, fileError, inWords } from "#cli/cli-error";
import { LinkSyntaxError } from "#device/link-error";
import { SystemError } from "#ffi/system-error";
import { NetupError } from "#netup/errors";
import { CallError } from "#stack/call-error";

const told = (error: unknown) => {
  const { what, why, fix, exitCode } = inWords(error);
  return { what, why, fix, exitCode };
};

test("each kind of error keeps its words and gets its exit code", () => {
  const denied = new SystemError({ call: "open", target: "/dev/net/tun", errno: 13, hint: "Use sudo." });
  expect(told(denied)).toEqual({
    what: "open on /dev/net/tun: permission denied (EACCES)",
    why: "",
    fix: "Use sudo.",
    exitCode: 4,
  });
  const busy = new SystemError({ call: "TUNSETIFF", target: "tun0", errno: 16 });
  expect(told(busy)).toMatchObject({ exitCode: 3, fix: "" });
  expect(told(new NetupError(3, "a", "b", "c"))).toEqual({ what: "a", why: "b", fix: "c", exitCode: 3 });
  expect(told(new LinkSyntaxError("no delay (column 3)", "x", 3))).toMatchObject({
    exitCode: 2,
    why: "no delay (column 3)",
  });
  expect(told(new CallError("EINVAL", "port 0"))).toMatchObject({ exitCode: 2, what: "port 0" });
  const own = new CliError(10, "x");
  expect(inWords(own)).toBe(own);
});

test("files fail in words, whatever node calls it", () => {
  expect(fileError("/x", "ENOSPC", "")).toMatchObject({
    what: "cannot open /x",
    why: "the disk is full (ENOSPC)",
    exitCode: 1,
  });
  expect(fileError("/x", "EACCES", "")).toMatchObject({ exitCode: 4 });
  expect(fileError(undefined, "EWHAT", "odd")).toMatchObject({ what: "odd", why: "" });
});

test("anything else is told as a defect of ours, with what is needed to find it", () => {
  const { what, why, exitCode } = told(new RangeError("oops"));
  expect({ what, exitCode }).toEqual({ what: "this is a bug in tcpnet: oops", exitCode: 1 });
  expect(why).toContain("RangeError");
  expect(told("just a text")).toMatchObject({ what: "just a text", exitCode: 1 });
});

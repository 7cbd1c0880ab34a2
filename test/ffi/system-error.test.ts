import { expect, test } from "bun:test";
import { constants } from "node:os";
import * as errno from "#ffi/errno";
import { check, SystemError } from "#ffi/system-error";

test("every error number we name is the system's own", () => {
  const theirs: Record<string, number> = constants.errno;
  const ours = Object.entries<unknown>({ ...errno }).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  expect(ours.length).toBeGreaterThan(10);
  for (const [name, number] of ours) {
    expect(errno.errnoName(number)).toBe(name);
    if (name in theirs) expect(number).toBe(theirs[name]!);
  }
});

test("the table of names agrees with the system's", () => {
  for (const [name, number] of Object.entries(constants.errno) as [string, number][]) {
    const ours = errno.errnoName(number);
    if (name === "EWOULDBLOCK" || name === "ENOTSUP") continue; // Other names of EAGAIN and EOPNOTSUPP.
    expect([name, `E${number}`]).toContain(ours);
  }
});

test("an error says which call failed on what, why, and what to do", () => {
  const error = new SystemError({ call: "TUNSETIFF", target: "tun0", errno: 1, hint: "Run this with sudo." });
  expect(error.message).toBe("TUNSETIFF on tun0: operation not permitted (EPERM). Run this with sudo.");
  expect(error).toMatchObject({ name: "SystemError", call: "TUNSETIFF", target: "tun0", errno: 1, code: "EPERM" });
});

test("an error number that is not in the table is told by its number", () => {
  expect(new SystemError({ call: "read", target: "x", errno: 4_242 }).message).toBe(
    "read on x: system error 4242 (E4242)",
  );
});

test("a result is handed on unless it is an error, and only then the hint is asked for", () => {
  expect(check(5, "read", "x", () => expect.unreachable())).toBe(5);
  expect(() => check(-2, "open", "/x", (n) => `Because ${n}.`)).toThrow(
    "no such file or directory (ENOENT). Because 2.",
  );
});

import { expect, test } from "bun:test";
import { type Account, accountFor, callerOf, idOf, nobody } from "../../src/cli/accounts.ts";
import { CliError } from "../../src/cli/cli-error.ts";

const FILES = {
  passwd: [
    "root:x:0:0:root:/root:/bin/bash",
    "+::::::",
    "broken:x:abc:1::/:/bin/sh",
    "alice:x:1000:1000:Alice,,,:/nonexistent:/bin/bash",
    "nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin",
    "1000:x:77:77::/:/bin/sh",
  ].join("\n"),
  group: "root:x:0:\nwheel:x:10:bob,alice\nalice:x:1000:\nusers:x:100:alicent,bob\n+:::\nfloppy:x:25:alice",
};
const NONE = { passwd: "", group: "" };
const ALICE: Account = { name: "alice", uid: 1000, gid: 1000, groups: [1000, 10, 25] };

function refusal(work: () => unknown): CliError {
  try {
    work();
  } catch (error) {
    if (error instanceof CliError) return error;
  }
  throw new Error("it was not refused");
}

test("an id is written with digits alone, and is not the one that means 'unchanged'", () => {
  for (const text of [
    "-1",
    "+1",
    "abc",
    "",
    " 1",
    "1 ",
    "01",
    "0x10",
    "1e3",
    "4294967295",
    "4294967296",
    "99999999999",
  ])
    expect(idOf(text)).toBeUndefined();
  expect(["0", "1", "65534", "4294967294"].map(idOf)).toEqual([0, 1, 65_534, 4_294_967_294]);
});

test("--user: a name with its groups, a number with the groups of who has it, a number that nobody has", () => {
  expect(accountFor("alice", FILES)).toEqual(ALICE);
  expect(accountFor("77", FILES)).toEqual({ name: "1000", uid: 77, gid: 77, groups: [77] });
  expect(accountFor("4242", FILES)).toEqual({ name: "user 4242", uid: 4242, gid: 65_533, groups: [] });
});

test("--user: a name of digits is a name first, as chown(1) has it", () => {
  expect(accountFor("1000", FILES).uid).toBe(77);
});

test("--user: what is no user is refused by name: 2", () => {
  for (const name of ["mallory", "broken", "-1", "+", "", "4294967295", "alice:x"]) {
    const { exitCode, what } = refusal(() => accountFor(name, FILES));
    expect([exitCode, what]).toEqual([2, `there is no user ${name}`]);
  }
});

test("nobody is who /etc/passwd says, without any group; 65534 where it says nothing", () => {
  expect(nobody(FILES)).toEqual({ name: "nobody", uid: 65_534, gid: 65_533, groups: [] });
  expect(nobody(NONE)).toEqual({ name: "nobody", uid: 65_534, gid: 65_534, groups: [] });
});

test("who called sudo: by SUDO_UID, with that user's own groups", () => {
  expect(callerOf({ SUDO_UID: "1000", SUDO_GID: "1000" }, FILES)).toEqual(ALICE);
  expect(callerOf({ SUDO_UID: "1000" }, FILES)).toEqual(ALICE);
  expect(callerOf({ SUDO_UID: "1000", SUDO_GID: "10" }, FILES)).toEqual({ ...ALICE, gid: 10 });
});

test("nobody called sudo where SUDO_UID is not set, or is root's", () => {
  expect(callerOf({}, FILES)).toBeNull();
  expect(callerOf({ SUDO_UID: "0", SUDO_GID: "0" }, FILES)).toBeNull();
  expect(callerOf({ SUDO_GID: "1000" }, FILES)).toBeNull();
});

test("a group that the caller is not in is not taken, root's least of all", () => {
  expect(callerOf({ SUDO_UID: "1000", SUDO_GID: "0" }, FILES)).toEqual(ALICE);
  expect(callerOf({ SUDO_UID: "1000", SUDO_GID: "100" }, FILES)).toEqual(ALICE);
  expect(refusal(() => callerOf({ SUDO_UID: "5000", SUDO_GID: "0" }, FILES)).exitCode).toBe(2);
});

test("a caller of a directory service is known by its numbers alone", () => {
  const ldap = { name: "user 5000", uid: 5000, gid: 6000, groups: [6000] };
  expect(callerOf({ SUDO_UID: "5000", SUDO_GID: "6000" }, FILES)).toEqual(ldap);
  expect(refusal(() => callerOf({ SUDO_UID: "5000" }, FILES)).what).toContain("SUDO_GID");
});

test("a SUDO_UID or SUDO_GID that is no id is refused: passed over, files would be opened as root", () => {
  for (const bad of ["-1", "abc", "", "4294967295", "99999999999999999999", "1000 ", "0x0", "1000\n"]) {
    const user = refusal(() => callerOf({ SUDO_UID: bad, SUDO_GID: "1000" }, FILES));
    expect([user.exitCode, user.what]).toEqual([2, `SUDO_UID=${bad} is not the id of a user`]);
    const group = refusal(() => callerOf({ SUDO_UID: "1000", SUDO_GID: bad }, FILES));
    expect([group.exitCode, group.what]).toEqual([2, `SUDO_GID=${bad} is not the id of a group`]);
  }
});

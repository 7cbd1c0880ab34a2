import { expect, test } from "bun:test";
import { CliError } from "../../src/cli/cli-error.ts";
import { Flags } from "../../src/cli/flags.ts";
import { decide, type Situation } from "../../src/cli/privileges.ts";

const FILES = {
  passwd: "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false",
  group: "alice:x:1000:",
};
const ALICE = { name: "alice", uid: 1000, gid: 1000, groups: [1000] };
const NOBODY = { name: "nobody", uid: 65_534, gid: 65_534, groups: [] };
const EVERYBODY = "         0          0 4294967295\n";
const ROOT_ALONE = "         0       1000          1\n";

const root: Situation = { uid: 0, caller: () => null, files: FILES, uidMap: EVERYBODY, gidMap: EVERYBODY };
const sudo: Situation = { ...root, caller: () => ALICE };
const alone: Situation = { ...root, uidMap: ROOT_ALONE, gidMap: ROOT_ALONE };
const user: Situation = { ...root, uid: 1000 };

const flags = (values: Record<string, unknown> = {}) => new Flags(values);

function refusal(values: Record<string, unknown>, situation: Situation): [number, string] {
  try {
    decide(flags(values), situation);
  } catch (error) {
    if (error instanceof CliError) return [error.exitCode, error.what];
  }
  throw new Error("it was not refused");
}

test("root goes on as whoever called sudo, else as nobody", () => {
  expect(decide(flags(), sudo)).toEqual({ kind: "become", account: ALICE });
  expect(decide(flags(), root)).toEqual({ kind: "become", account: NOBODY });
});

test("--user and --keep-root choose otherwise", () => {
  expect(decide(flags({ user: "alice" }), root)).toEqual({ kind: "become", account: ALICE });
  expect(decide(flags({ user: "nobody" }), sudo)).toMatchObject({ kind: "become", account: { uid: 65_534 } });
  expect(decide(flags({ keepRoot: true }), sudo)).toEqual({ kind: "keep" });
});

test("whoever is not root keeps what he has", () => {
  expect(decide(flags(), user)).toEqual({ kind: "keep" });
  expect(decide(flags({ keepRoot: true }), user)).toEqual({ kind: "keep" });
  expect(decide(flags({ user: "alice" }), user)).toEqual({ kind: "keep" });
  expect(refusal({ user: "nobody" }, user)).toEqual([2, "--user nobody is for root"]);
});

test("where no other user is mapped, only capabilities are given up; a user who is asked for is refused: 4", () => {
  expect(decide(flags(), alone)).toEqual({ kind: "bare" });
  expect(decide(flags(), { ...root, gidMap: ROOT_ALONE })).toEqual({ kind: "bare" });
  expect(refusal({ user: "alice" }, alone)).toEqual([4, "this program cannot go on as alice"]);
});

test("a user namespace with more users has those", () => {
  const map = "0 1000 1\n1 100000 65536\n";
  expect(decide(flags(), { ...root, uidMap: map, gidMap: map })).toEqual({ kind: "become", account: NOBODY });
  const few = "0 1000 1\n1 100000 1000\n";
  expect(decide(flags(), { ...root, uidMap: few, gidMap: few })).toEqual({ kind: "bare" });
});

test("root as the other user, an unknown one, and both flags at once are refused: 2", () => {
  for (const name of ["root", "0"]) expect(refusal({ user: name }, root)).toEqual([2, `--user ${name} is root itself`]);
  expect(refusal({ user: "mallory" }, root)).toEqual([2, "there is no user mallory"]);
  expect(refusal({ user: "alice", keepRoot: true }, root)).toEqual([2, "--user and --keep-root exclude each other"]);
});

/** A program for sudo trusts nothing around it: what can be seen of that in the sources (docs/adr/0051). */
import { expect, test } from "bun:test";
import { filesOf } from "./sources.ts";

const files = filesOf("src/*.ts", "ffi/*.ts");

/** Where a text stands, as `path:line`. */
const places = (pattern: RegExp, but: readonly string[] = []) =>
  files
    .filter((file) => !but.includes(file.path))
    .flatMap((file) => file.lines.flatMap((line, i) => (pattern.test(line) ? [`${file.path}:${i + 1}`] : [])));

test("no program that we start gets our whole environment", () => {
  expect(places(/\.\.\.(process|Bun)\.env\b/)).toEqual([]);
  const calls = files.flatMap(({ path, text }) =>
    [...text.matchAll(/Bun\.spawn(Sync)?[(<]/g)].map(({ index }) => ({ path, call: text.slice(index, index + 500) })),
  );
  expect(calls.length).toBeGreaterThan(4);
  expect(calls.filter(({ call }) => !/\benv\b/.test(call)).map(({ path }) => path)).toEqual([]);
});

test("variables are read in few places", () => {
  expect([...new Set(places(/\b(process|Bun)\.env\b/).map((place) => place.split(":")[0]))].sort()).toEqual([
    "ffi/environment.ts",
    "src/cli/accounts.ts",
    "src/cli/handover.ts",
    "src/cli/isolation.ts",
    "src/cli/last-compiler.ts",
    "src/cli/program.ts",
    "src/cli/terminal.ts",
    "src/lab/chaos/control-path.ts",
    "src/lab/world/failure.ts",
    "src/netup/run.ts",
  ]);
});

test("a library is opened by the path that it is mapped from: Bun looks for a bare name in the current directory as well", () => {
  expect(places(/\bdlopen\(/, ["ffi/libc.ts"])).toEqual([]);
});

test("no advice names /tmp, where anybody may have prepared what we would use", () => {
  // A user's folder for sockets, looked at before it is used; and a text that scripts of the drill have.
  expect(places(/\/tmp\b/, ["src/lab/chaos/control-path.ts", "src/lab/drill/shell/settings.ts"])).toEqual([]);
});

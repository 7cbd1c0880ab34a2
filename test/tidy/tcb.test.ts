/**
 * Above src/stack a Tcb is a handle, and so are a UDP socket and a run of echo requests: their fields are the stack's. What a program may want
 * to know is told by `Stack.info`, `#stack/connection`, `Stack.datagrams` and `Stack.echo`, what it may want to do is a call of these, so
 * that users have all that the lab's products do.
 */
import { expect, test } from "bun:test";
import { codeOf, filesOf, findings } from "./sources.ts";

/** Who it is, its state, its options, why it ended, and whom the stack calls for it. */
const READ = new Set("id state local localPort remote remotePort params error softError user events".split(" "));
const NAMES = String.raw`(?:#?\btcb|\bwho|\bnext)`;
const FIELD = new RegExp(`${NAMES}\\.(\\w+)`, "g");
const UNPACKED = new RegExp(`\\{([^{}=]*)\\}(?:: Tcb| = (?:\\w+\\.|this\\.)*${NAMES};)`, "g");
const WRITTEN = new RegExp(
  `${NAMES}(?:\\.\\w+|\\[[^\\]]*\\])+!? *(?:=(?![=>])|[-+*/|&^]=|<<=|>>=|\\?\\?=|\\|\\|=|&&=|\\+\\+|--)|(?:\\+\\+|--)${NAMES}\\.`,
  "g",
);

const files = filesOf("src/*.ts").filter(
  ({ path, text }) => !/^src\/(?:base|wire|ip|icmp|udp|tcp|stack)\//.test(path) && /\bTcb\b|nextEvent/.test(text),
);

/** Fields that the code takes from a Tcb. */
function fieldsOf(code: string): string[] {
  const unpacked = [...code.matchAll(UNPACKED)].flatMap(([, names = ""]) =>
    names.split(",").map((name) => /\w+/.exec(name)?.[0]),
  );
  return [...[...code.matchAll(FIELD)].map(([, name]) => name), ...unpacked].filter((name) => name !== undefined);
}

test("nothing above src/stack reads more of a Tcb than who it is, its state, its options and its errors", () => {
  expect(files.length).toBeGreaterThan(5);
  const read = files.flatMap(({ path, text }) =>
    fieldsOf(codeOf(text))
      .filter((name) => !READ.has(name) && !METHODS.has(name))
      .map((name) => `${path}: ${name}`),
  );
  expect(read).toEqual([]);
});

/** What else is called `who` or `next` in these files, and asked so. */
const METHODS = new Set(["onEvents", "drop"]);

test("nothing above src/stack writes a field of a Tcb", () => {
  expect(findings(files, () => WRITTEN)).toEqual([]);
});

test("nothing above src/stack calls into src/tcp but for its words", () => {
  const rooms = /from "#tcp\/(?!words\/|congestion\/congestion"|open\/fast-open-cookie")[^"]*"/g;
  const calls = files.flatMap(({ path, text }) =>
    [...text.matchAll(/^import (?!type )[^;]*?;/gm)].flatMap(([line]) =>
      [...line.matchAll(rooms)].map(([found]) => `${path}: ${found}`),
    ),
  );
  expect(calls).toEqual([]);
});

/** The names that these handles have above src/stack. */
const HANDLES =
  /(?:#?\bendpoint|#?\brun)\b!?\.\w+|\{[^{}=]*\}(?:: (?:UdpEndpoint|EchoRun)| = (?:this\.)?#?(?:endpoint|run)!?;)/g;
const users = filesOf("src/*.ts").filter(
  ({ path, text }) =>
    !/^src\/(?:base|wire|ip|icmp|udp|tcp|stack)\//.test(path) && /\b(?:UdpEndpoint|EchoRun)\b/.test(text),
);

test("nothing above src/stack reads or writes a field of a UDP socket's or a ping's handle", () => {
  expect(users.map(({ path }) => path)).toEqual([
    "src/lab/drill/targets/stack/udp.ts",
    "src/socket/ping.ts",
    "src/socket/udp-socket.ts",
  ]);
  expect(findings(users, () => HANDLES)).toEqual([]);
});

test("nothing above src/stack imports src/udp", () => {
  const above = filesOf("src/*.ts").filter(({ path }) => !/^src\/(?:udp|stack)\//.test(path));
  expect(above.filter(({ text }) => /from "#udp\//.test(text)).map(({ path }) => path)).toEqual([]);
});

test("the rules find what they are for", () => {
  const handles = (code: string) => [...code.matchAll(HANDLES)].length;
  expect(handles("this.#endpoint.error = 0; if (run!.sent > 0) f(({ queue }: UdpEndpoint) => queue);")).toBe(3);
  expect(handles("datagrams.close(this.#endpoint); const { echo } = this.#engine; const run = this.#run!;")).toBe(0);
  const written = (code: string) => [...code.matchAll(WRITTEN)].length;
  expect(written("this.#tcb.snd.cork = true; tcb.timers[0] = 1; who.events = 0; tcb.probes++;")).toBe(4);
  expect(written("if (tcb.state === CLOSED) f((tcb) => tcb.id);")).toBe(0);
  expect(fieldsOf("const { snd, state: s } = this.#tcb; f(tcb.rcv.unread);")).toEqual(["rcv", "snd", "state"]);
  expect(fieldsOf("function silence({ retries }: Tcb) {}")).toEqual(["retries"]);
});

/** The rooms of src/tcp import those before them only (docs/ARCHITECTURE.md), so that no two need each other. */
import { expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { filesOf } from "./sources.ts";

/** From the vocabulary up to RFC 9293 §3.10. A room imports values of itself and of those before it; types may be named from anywhere. */
const ROOMS = ["words", "congestion", "loss", "receive", "send", "open", "machine"];

const files = filesOf("src/tcp/*.ts");
const roomOf = (path: string) => path.split("/")[2]!;
const transpiler = new Bun.Transpiler({ loader: "ts" });

test("every file of src/tcp is in a room", () => {
  expect(files.map(({ path }) => path).filter((path) => !ROOMS.includes(roomOf(path)))).toEqual([]);
  for (const room of ROOMS) expect([room, files.some(({ path }) => roomOf(path) === room)]).toEqual([room, true]);
});

test("a room imports no room after it", () => {
  const wrong = files.flatMap(({ path, text }) =>
    transpiler
      .scanImports(text)
      .filter((found) => found.path.startsWith("."))
      .map((found) => join(dirname(path), found.path))
      .filter((there) => ROOMS.indexOf(roomOf(there)) > ROOMS.indexOf(roomOf(path)))
      .map((there) => `${path} imports ${there}`),
  );
  expect(wrong).toEqual([]);
});

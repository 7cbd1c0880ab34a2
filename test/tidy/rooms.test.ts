/** The rooms of src/tcp and of the drill import those before them only (docs/ARCHITECTURE.md), so that no two need each other. */
import { expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { filesOf } from "./sources.ts";

/** A room imports values of itself and of those before it; types may be named from anywhere. */
const HOUSES: Readonly<Record<string, readonly string[]>> = {
  // From the vocabulary up to RFC 9293 §3.10.
  "src/tcp/": ["words", "congestion", "loss", "receive", "send", "open", "machine"],
  // From the language of scripts up to what they are played against.
  "src/lab/drill/": ["language", "constants", "packets", "posix", "python", "shell", "interpreter", "targets"],
};

/** The drill's door: what other folders call, and the program. */
const DOOR = /^src\/lab\/drill\/[a-z-]+\.ts$/;

const transpiler = new Bun.Transpiler({ loader: "ts" });

for (const [house, rooms] of Object.entries(HOUSES)) {
  const files = filesOf(`${house}*.ts`).filter(({ path }) => !DOOR.test(path));
  const roomOf = (path: string) => path.slice(house.length).split("/")[0]!;

  test(`every file of ${house} is in a room`, () => {
    expect(files.map(({ path }) => path).filter((path) => !rooms.includes(roomOf(path)))).toEqual([]);
    for (const room of rooms) expect([room, files.some(({ path }) => roomOf(path) === room)]).toEqual([room, true]);
  });

  test(`a room of ${house} imports no room after it`, () => {
    const wrong = files.flatMap(({ path, text }) =>
      transpiler
        .scanImports(text)
        .filter((found) => found.path.startsWith("."))
        .map((found) => join(dirname(path), found.path))
        .filter((there) => rooms.indexOf(roomOf(there)) > rooms.indexOf(roomOf(path)) || DOOR.test(there))
        .map((there) => `${path} imports ${there}`),
    );
    expect(wrong).toEqual([]);
  });
}

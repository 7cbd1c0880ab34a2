/** `pair` of the package: what it is given is checked, for those who write plain JavaScript. */
import { expect, test } from "bun:test";
import { FULL_OFFLOAD, pair } from "../../src/index.ts";

const loose = pair as (...given: unknown[]) => ReturnType<typeof pair>;

test.each([
  [[7], "EINVAL: pair's argument must be an object such as { mtu: 1500 }, not 7"],
  [[{ mut: 9000 }], 'EINVAL: pair\'s argument has no "mut": did you mean mtu?'],
  [[{ mtu: "1500" }], 'EINVAL: mtu must be a number, not "1500"'],
  [[{ mtu: 67 }], "EINVAL: mtu must be a whole number from 68 to 65535, not 67"],
  [[{ queueLength: 0 }], "EINVAL: queueLength must be a whole number from 1 to 1048576, not 0"],
  [[{ names: "a" }], 'EINVAL: names must be an array of texts, not "a"'],
  [[{ names: ["a"] }], 'EINVAL: names must be those of both ends, such as ["a", "b"], not 1 text'],
  [[{ names: ["a", "b", "c"] }], 'EINVAL: names must be those of both ends, such as ["a", "b"], not 3 texts'],
  [[{ offload: true }], "EINVAL: offload must be an object, not true"],
  [[{ offload: { tso: true } }], 'EINVAL: offload has no "tso": did you mean tso4?'],
  [[{ offload: { tso4: true } }], "EINVAL: offload needs checksum, true or false: use FULL_OFFLOAD or NO_OFFLOAD"],
])("pair(...%j) is refused in words", (given, words) => {
  let said = "";
  try {
    loose(...given);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    said = `${code}: ${message}`;
  }
  expect(said).toBe(words);
});

test("what it is given is what both ends have", () => {
  const [a, b] = pair({ names: ["left", "right"], mtu: 9_000, queueLength: 7, offload: FULL_OFFLOAD });
  expect([a.name, b.name]).toEqual(["left", "right"]);
  for (const end of [a, b]) expect([end.mtu, end.queueLength, end.offload]).toEqual([9_000, 7, FULL_OFFLOAD]);
});

import { expect, test } from "bun:test";
import { CliError } from "#cli/cli-error";
import { Flags } from "#cli/flags";

const flags = (value: unknown) => new Flags({ x: value, lossGe: "1%" });

const wrong = (read: () => unknown) => {
  try {
    read();
  } catch (error) {
    if (error instanceof CliError) return error.exitCode;
    throw error;
  }
  return "taken";
};

test("names with dashes are found where cac put them", () => {
  expect(flags("1").text("loss-ge")).toBe("1%");
  expect(flags("1").text("y")).toBeUndefined();
});

test("whole numbers are written with digits alone and lie between their bounds", () => {
  expect([flags("1").whole("x", 1, 65_535), flags("65535").whole("x", 1, 65_535)]).toEqual([1, 65_535]);
  for (const bad of ["0", "65536", "1e3", "0x10", "080", "-1", "1.5", "", " 1", "99999999999999999999"]) {
    expect(wrong(() => flags(bad).whole("x", 1, 65_535))).toBe(2);
  }
});

test("times are microseconds; a bare number is seconds", () => {
  expect(["30", "1.5s", "20ms", "250us", "2min", "1h"].map((text) => flags(text).time("x"))).toEqual([
    30e6, 1.5e6, 20e3, 250, 120e6, 3600e6,
  ]);
  for (const bad of ["fast", "1 s", "-1s", "1d", ""]) expect(wrong(() => flags(bad).time("x"))).toBe(2);
});

test("sizes are powers of 1024", () => {
  expect(["1500", "10k", "64M", "1G", "1.5K", "8MiB", "8mb", "0"].map((text) => flags(text).size("x"))).toEqual([
    1500,
    10 * 1024,
    64 << 20,
    1 << 30,
    1536,
    8 << 20,
    8 << 20,
    0,
  ]);
  for (const bad of ["big", "1Q", "-5", "1 M"]) expect(wrong(() => flags(bad).size("x"))).toBe(2);
});

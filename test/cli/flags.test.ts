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

test("times are microseconds, and a number needs its unit: five what?", () => {
  expect(["30s", "1.5s", "20ms", "250us", "2min", "1h"].map((text) => flags(text).time("x"))).toEqual([
    30e6, 1.5e6, 20e3, 250, 120e6, 3600e6,
  ]);
  for (const bad of ["fast", "1 s", "-1s", "1d", "", "501h", "5"]) expect(wrong(() => flags(bad).time("x"))).toBe(2);
  expect(() => flags("5").time("x")).toThrow("--x 5 has no unit");
});

test("k, M and G are powers of 1000, Ki, Mi and Gi of 1024, and so is a lone capital K", () => {
  const sizes = {
    "1500": 1500,
    "10k": 10_000,
    "64M": 64e6,
    "1G": 1e9,
    "1.5k": 1500,
    "1.5K": 1536,
    "1.5KB": 1500,
    "8MiB": 8 << 20,
    "8Mi": 8 << 20,
    "8mb": 8e6,
    "10kB": 10_000,
    "0": 0,
  };
  expect(Object.keys(sizes).map((text) => flags(text).size("x"))).toEqual(Object.values(sizes));
  for (const bad of ["big", "1Q", "-5", "1 M", "1001T", "1ki5", "kB"])
    expect(wrong(() => flags(bad).size("x"))).toBe(2);
});

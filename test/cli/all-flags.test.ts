/** Every flag of every command, given badly: it is refused in words, with the flag's name, before anything is done. */
import { expect, test } from "bun:test";
import { type Flag, shapeOf, shield } from "#cli/argv";
import { benchClientOptions } from "#cli/bench-options";
import { CliError } from "#cli/cli-error";
import { COMMANDS, flagsOf } from "#cli/commands";
import { readOptions } from "#cli/commands/sim";
import { demoOptions } from "#cli/demo-plan";
import { Flags } from "#cli/flags";
import { sessionOptions } from "#cli/session-options";
import { settle } from "#netup/options";

/** What was said, or that it was taken. */
function said(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const { what, exitCode } = error as CliError;
    if (error instanceof CliError) return `${exitCode} ${what}`;
    // netup's errors are turned into the command line's later.
    if (error instanceof Error && error.name === "NetupError") return `${exitCode} ${error.message}`;
    throw error;
  }
  return "taken";
}

test("a flag is refused that is given twice, without its value, with an empty one, or with one that it does not take", () => {
  let tried = 0;
  for (const command of COMMANDS) {
    const flags = flagsOf(command);
    for (const { name, takesValue, isOptional, repeats } of flags.map(shapeOf)) {
      const tries: (readonly string[])[] = isOptional
        ? [[`--${name}=`]]
        : takesValue
          ? [[`--${name}`], [`--${name}=`], [`--${name}`, ""], [`--${name}`, "--help"]]
          : [[`--${name}=yes`], [`--${name}=`]];
      if (takesValue && !repeats) tries.push([`--${name}`, "1", `--${name}=1`]);
      for (const words of tries) {
        const answer = said(() => shield(words, flags));
        expect([command.name, words, answer]).toEqual([command.name, words, expect.stringContaining(`2 --${name} `)]);
        tried++;
      }
      // A letter too many is told with what was meant, or with the command that has such a flag.
      expect(said(() => shield([`--${name}x`], flags))).toStartWith(`2 unknown option --${name}x`);
    }
  }
  expect(tried).toBeGreaterThan(300);
});

const NUMBERS = ["", "x", "-1", "1.5", "1e3", "0x10", "080", "NaN", "99999999999999999999"];

/** Values that no flag of this kind may take, by what stands between the brackets. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  seconds: ["x", "-1", "1 s", "1d", "501h", "NaN", "1e3", "999999999"],
  bitrate: ["x", "-1", "0", "1e6", "100MB", "10mbps", "9999T", "NaN"],
  size: ["x", "-1", "1 M", "1Q", "1e6", "1001T", "NaN", "1,5M"],
  time: ["x", "-1s", "5", "1 s", "1d", "501h", "NaN", "1e3s"],
  port: [...NUMBERS, "0", "65536"],
  // Without a value it takes any port.
  "web port": [...NUMBERS.filter((text) => text !== ""), "65536"],
  bytes: [...NUMBERS, "0", "67", "65536"],
  number: [...NUMBERS, "4294967296"],
  percent: ["x", "-1", "101%", "1%%", "NaN", "1 2 3"],
  rate: ["x", "0", "0mbit", "10", "-1mbit", "10mbps", "9999tbit", "10mbit 5"],
  room: ["x", "-1", "1.5", "5", "64kb"],
  "p,r,…": ["x", ",", "101%", "1%,101%"],
  words: ["x", "loss", "loss 1% loss 2%", "queue 5", "delay 5", "out", "clear clear"],
  spans: ["x", "5s", "5-10", "5s-1s", "1s-2s-3s", "1s-2s,"],
  names: ["x", ",", "cubic,x", "CUBIC"],
  address: ["x", "10.0.0.7:80", "10.0.0.300", "10.0.0.0", "127.0.0.1", "fd00::1", "0.0.0.0"],
};
/** A direction alone changes nothing, and says nothing wrong. */
const HARMLESS = new Set(["out"]);

const PEER = ["tun1", "10.0.1.1/24", "10.0.0.7"];
const READERS: Readonly<Record<string, (flags: Flags) => unknown>> = {
  host: (flags) => sessionOptions("host", { args: ["tun0", "10.0.0.1/24", "10.0.1.5"], flags }),
  peer: (flags) => sessionOptions("peer", { args: PEER, flags }),
  bench: (flags) => benchClientOptions({ args: PEER, flags }),
  demo: demoOptions,
  sim: readOptions,
  netup: (flags) => settle({ mtu: flags.whole("mtu", 576, 65_535) }),
};

/** The flag alone, as cac hands it over. */
function alone(flag: Flag, value: string): Flags {
  const name = shapeOf(flag).name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return new Flags({ offload: "true", sack: "true", timestamps: "true", [name]: value });
}

test("a value that a flag cannot have is refused: too small, too large, no number, no unit, no address, without effect", () => {
  let tried = 0;
  for (const [name, read] of Object.entries(READERS)) {
    for (const flag of COMMANDS.find((each) => each.name === name)!.groups.flatMap(({ flags }) => flags)) {
      const kind = /[<[](.+?)(?:\.{3})?[>\]]/.exec(flag.raw)?.[1] ?? "";
      for (const value of BAD[kind] ?? []) {
        const answer = said(() => read(alone(flag, value)));
        const expected = HARMLESS.has(value) ? /^taken$/ : /^2 \S/;
        expect([name, flag.raw, value, answer]).toEqual([name, flag.raw, value, expect.stringMatching(expected)]);
        tried++;
      }
    }
  }
  expect(tried).toBeGreaterThan(250);
});

test("flags that contradict each other are refused, and so are flags without effect", () => {
  const tries: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["peer", { quiet: "true", json: "true" }],
    ["peer", { echo: "true", discard: "true" }],
    ["peer", { echo: "true", send: "x" }],
    ["peer", { socket: "x" }],
    ["peer", { seed: "3" }],
    ["peer", { loss: "1%", lossGe: "1%" }],
    ["bench", { rr: "true", crr: "true" }],
    ["bench", { rr: "true", reverse: "true" }],
    ["bench", { reverse: "true", bidir: "true" }],
    ["bench", { bytes: "1M", time: "5" }],
    ["bench", { quiet: "true", json: "true" }],
    ["bench", { oneOff: "true" }],
    ["bench", { max: "3" }],
    ["bench", { threshold: "5" }],
    ["bench", { interval: "0.05" }],
    ["bench", { len: "2M" }],
    ["demo", { seed: "3" }],
    ["demo", { quiet: "true", json: "true" }],
    ["sim", { bidir: "true", reverse: "true" }],
    ["sim", { rtt: "40ms", delay: "20ms" }],
    ["sim", { time: "1s", loss: "1%" }],
    ["sim", { queue: "50" }],
  ];
  for (const [name, values] of tries) {
    expect([name, values, said(() => READERS[name]!(new Flags(values)))]).toEqual([
      name,
      values,
      expect.stringMatching(/^2 /),
    ]);
  }
  expect(said(() => settle({ subnet: "10.77.0.0/16", addresses: "10.0.0.1/24,10.0.1.1/24" }))).toMatch(/^2 --addr/);
});

import { expect, test } from "bun:test";
import { CliError } from "#cli/cli-error";
import { Flags } from "#cli/flags";
import { impairment, refuseLoneSeed } from "#cli/link-flags";

const read = (values: Record<string, string>) => impairment(new Flags(values));

test("without link flags there is no link, whatever the seed", () => {
  expect(read({})).toBeNull();
  expect(read({ seed: "3" })).toBeNull();
});

test("single flags and --link are one language; single flags go on top", () => {
  const words = read({ link: "delay 20ms loss 1%", seed: "42" });
  const flags = read({ delay: "20ms", loss: "1%", seed: "42" });
  expect(flags?.profiles).toEqual(words!.profiles);
  expect(flags?.text).toBe("delay 20ms loss 1%, seed 42");
  expect(read({ link: "delay 20ms", delay: "5ms" })?.profiles.out.delay).toBe(5000);
  expect(read({ lossGe: "1%,10%", seed: "1" })?.text).toBe("loss gemodel 1% 10% 100% 0%, seed 1");
  expect(read({ reorder: "1%", delay: "5ms", seed: "1" })?.profiles.in.reorder.probability).toBe(0.01);
});

test("what one flag needs may stand in another, in whatever order", () => {
  expect(read({ link: "queue 50", rate: "10mbit" })?.profiles.out.queue.packets).toBe(50);
  expect(read({ link: "reorder 1%", delay: "5ms" })?.profiles.out.delay).toBe(5000);
});

test("a seed that draws nothing is refused", () => {
  const seed = new Flags({ seed: "3" });
  expect(() => refuseLoneSeed(seed, null)).toThrow("--seed needs a link flag");
  expect(() => refuseLoneSeed(seed, read({ link: "clear" }))).not.toThrow();
  expect(() => refuseLoneSeed(new Flags({}), null)).not.toThrow();
});

test("without a seed one is drawn and said, so that it can be typed again", () => {
  expect(read({ loss: "1%" })?.text).toMatch(/^loss 1%, seed \d+$/);
});

test("what cannot be understood names its flag", () => {
  const tries: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ loss: "200%" }, /^--loss 200%/],
    [{ delay: "5" }, /^--delay 5/],
    [{ reorder: "1%" }, /^the link's reorder needs a delay/],
    [{ queue: "0" }, /^the link's queue needs a rate or a trace/],
    [{ link: "codel" }, /^the link's codel needs a rate or a trace/],
    [{ loss: "1%", lossGe: "1%,10%" }, /^--loss and --loss-ge exclude each other/],
    [{ link: "loss 1% loss 2%" }, /^--link "loss 1% loss 2%" cannot be understood/],
    [{ link: "dealy 5ms" }, /^--link "dealy 5ms"/],
    [{ loss: "1%", seed: "x" }, /^--seed x/],
  ];
  for (const [values, words] of tries) {
    try {
      read(values);
      throw new Error(`taken: ${JSON.stringify(values)}`);
    } catch (error) {
      expect(error).toBeInstanceOf(CliError);
      expect((error as CliError).exitCode).toBe(2);
      expect((error as CliError).what).toMatch(words);
    }
  }
});

/** `--cc` and `--pacing` of host and peer: what reaches the socket, and what is refused. */
import { expect, test } from "bun:test";
import { CliError } from "#cli/cli-error";
import { demoOptions } from "#cli/demo-plan";
import { Flags } from "#cli/flags";
import { sessionOptions } from "#cli/session-options";
import { listenOptionsOf, socketOptionsOf } from "#cli/session-sockets";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";

const host = (flags: Readonly<Record<string, string>>) =>
  sessionOptions("host", {
    args: ["tun0", "10.0.0.1/24", "10.0.1.5"],
    flags: new Flags({ discard: "true", ...flags }),
  });

function refusal(flags: Readonly<Record<string, string>>): string {
  try {
    host(flags);
  } catch (error) {
    if (error instanceof CliError)
      return [error.exitCode, error.what, error.why, error.fix].filter(Boolean).join(" | ");
    throw error;
  }
  return "taken";
}

test("a congestion control and a pace go to the sockets, and nothing does if they are not given", () => {
  for (const cc of CONGESTION_CONTROLS) {
    expect(socketOptionsOf(host({ cc }))).toMatchObject({ cc });
    expect(listenOptionsOf(host({ cc }), 1)).toMatchObject({ cc });
  }
  expect(socketOptionsOf(host({ pacing: "on" }))).toMatchObject({ pacing: true });
  expect(socketOptionsOf(host({ pacing: "off" }))).toMatchObject({ pacing: false });
  expect(socketOptionsOf(host({ pacing: "50mbit" }))).toMatchObject({ pacing: 50e6 });
  const plain = socketOptionsOf(host({}));
  expect("cc" in plain || "pacing" in plain).toBe(false);
});

test("a demo passes them on to both of its programs", () => {
  const demo = (flags: Readonly<Record<string, string>>) => demoOptions(new Flags(flags));
  expect(demo({ cc: "bbr", pacing: "50mbit" })).toMatchObject({
    cc: "bbr",
    pacing: 50e6,
    controlArguments: ["--cc", "bbr", "--pacing", "50mbit"],
  });
  expect(demo({}).controlArguments).toEqual([]);
  expect(() => demo({ cc: "vegas" })).toThrow("there is no congestion control vegas");
});

test.each([
  [{ cc: "bbr2" }, "2 | there is no congestion control bbr2 | use newreno, cubic, bbr, bbr1 or fixed | --cc bbr"],
  [{ cc: "" }, '2 | there is no congestion control "" | use newreno, cubic, bbr, bbr1 or fixed'],
  [{ cc: "cubic,bbr" }, "2 | there is no congestion control cubic,bbr | use newreno, cubic, bbr, bbr1 or fixed"],
  [{ pacing: "fast" }, "2 | --pacing fast is not a rate | use off, on, or a rate: 10mbit, 250kbit or 1gbit"],
  [{ pacing: "5" }, "2 | --pacing 5 has no unit | use off, on, or a rate: 5mbit or 5kbit"],
  [{ pacing: "0bit" }, "2 | --pacing 0bit is less than 1 bit per second | use off, on, or a rate: 1kbit to 1tbit"],
  [{ pacing: "10bit" }, "2 | --pacing 10bit is out of range | use 1kbit to 1tbit"],
])("%j is refused", (flags, expected) => {
  expect(refusal(flags)).toBe(expected);
});

import { expect, test } from "bun:test";
import { StackTarget } from "#lab/drill/targets/stack/target";
import { CALLS, outcomeOf, STATES } from "../kernel/calls-table.ts";

/** What Linux answered (`bun test/kernel/calls.ts`): a line for each call, "result [states]; result [states]". */
const LINUX: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(
  (await Bun.file(`${import.meta.dir}/calls.linux.txt`).text())
    .trim()
    .split("\n")
    .map((line) => {
      const at = line.indexOf("): ") + 1;
      const groups = [...line.slice(at + 2).matchAll(/(.+?) \[(.*?)\](?:; |$)/g)];
      return [
        line.slice(0, at),
        new Map(groups.flatMap(([, text, states]) => states!.split(" ").map((s) => [s, text!]))),
      ];
    }),
);

/** What the interpreter does not have. It may become less, and is never a wrong answer. */
const UNSUPPORTED_MOST = 79;

test("every call on a socket in every state has the same result as on Linux, or is unsupported", () => {
  expect([...LINUX.keys()]).toEqual([...CALLS]);
  const wrong: string[] = [];
  let unsupported = 0;
  for (const call of CALLS)
    for (const state of Object.keys(STATES)) {
      const ours = outcomeOf(state, call, (setup) => new StackTarget(setup));
      const theirs = LINUX.get(call)!.get(state)!;
      if (ours === "unsupported") unsupported++;
      else if (ours !== theirs) wrong.push(`${state}: ${call} is ${ours}, and on Linux ${theirs}`);
    }
  expect(wrong).toEqual([]);
  expect(unsupported).toBeLessThanOrEqual(UNSUPPORTED_MOST);
}, 120_000);

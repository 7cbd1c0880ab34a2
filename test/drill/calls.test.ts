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

interface Outcomes {
  readonly wrong: readonly string[];
  readonly unsupported: number;
}

const asked = new Map<string, Outcomes>();

/** What comes of every call in this state. Asked once. */
function outcomesIn(state: string): Outcomes {
  const known = asked.get(state);
  if (known !== undefined) return known;
  const wrong: string[] = [];
  let unsupported = 0;
  for (const call of CALLS) {
    const ours = outcomeOf(state, call, (setup) => new StackTarget(setup));
    const theirs = LINUX.get(call)!.get(state)!;
    if (ours === "unsupported") unsupported++;
    else if (ours !== theirs) wrong.push(`${call} is ${ours}, and on Linux ${theirs}`);
  }
  asked.set(state, { wrong, unsupported });
  return { wrong, unsupported };
}

test.each(Object.keys(STATES))(
  "every call on a socket in state %s has the same result as on Linux, or is unsupported",
  (state) => {
    expect(outcomesIn(state).wrong).toEqual([]);
  },
);

test("the table of Linux has every call, and few of them are unsupported", () => {
  expect([...LINUX.keys()]).toEqual([...CALLS]);
  const unsupported = Object.keys(STATES).map((state) => outcomesIn(state).unsupported);
  expect(unsupported.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(UNSUPPORTED_MOST);
});

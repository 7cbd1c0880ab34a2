import type { Action } from "./actions.ts";

/** FreeBSD's tools that look at connections, and end them. */

/** `sockstat … -p PORT -s | grep -c STATE | grep N` */
export function sockstat(line: string): Action[] | undefined {
  const stages = line.split("|").map((stage) => stage.trim());
  const states = stages
    .slice(1, -1)
    .filter((stage) => !/^wc\s+-l$/.test(stage))
    .map((stage) => /^grep\s+(?:-\w+\s+)*["']?([A-Z][A-Z_0-9]+)["']?$/.exec(stage)?.[1]);
  const want = /^grep\s+(?:-\w+\s+)*["']?\^?(\d+)\$?["']?$/.exec(stages.at(-1) ?? "")?.[1];
  const state = states.at(-1);
  const port = /-p\s+(\d+)/.exec(stages[0]!)?.[1];
  const counts = stages.slice(1, -1).some((stage) => /^grep\s+-\w*c/.test(stage) || stage.startsWith("wc"));
  if (want === undefined || state === undefined || states.length !== 1 || !counts) return undefined;
  return [{ kind: "count", state, port: port === undefined ? undefined : Number(port), want: Number(want) }];
}

export function tcpdrop(words: readonly string[]): Action[] | undefined {
  if (words.includes("-a")) return [{ kind: "drop", state: undefined }];
  const at = words.indexOf("-s");
  return at > 0 && words[at + 1] ? [{ kind: "drop", state: words[at + 1] }] : undefined;
}

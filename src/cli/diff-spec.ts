import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet diff`. */
export const DIFF: CommandSpec = {
  name: "diff",
  args: "<before> <after>",
  summary: "compare two recorded runs, in words and with an exit code",
  examples: [
    "tcpnet diff before.ndjson after.ndjson",
    "tcpnet diff main.ndjson branch.ndjson --threshold 10%",
    "tcpnet diff before.ndjson after.ndjson --json",
  ],
  about:
    "Both files are of --events (bench diff compares results of bench --json). Directions with data are compared in the\n" +
    "order of their beginning: goodput, time, round trips, retransmissions, the link's queue, and what took the time.\n" +
    "Judged are goodput and round trips, in percent (round trips that differ by less than 1 ms are the same), and the\n" +
    "share of retransmitted segments, in percentage points. tcpnet report --compare shows the two runs as a page.",
  groups: [
    group(
      "Options",
      ["--threshold <percent>", "how much worse the second run may be (default 5%)"],
      ["--json", "print the comparison as one JSON object"],
    ),
  ],
  exits: [
    ["0", "nothing is worse by more than --threshold"],
    ["1", "something is worse by more than --threshold"],
    ["2", "wrong usage"],
    ["4", "no permission to read a file"],
    ["5", "a file could not be read or is no record of a run, or they have nothing to compare"],
  ],
  load: () => import("./commands/diff.ts"),
};

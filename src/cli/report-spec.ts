import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet report`. */
export const REPORT: CommandSpec = {
  name: "report",
  args: "<...files>",
  summary: "make a page that explains a recorded run",
  examples: [
    "tcpnet report run.ndjson",
    "tcpnet report host.ndjson peer.ndjson -o both.html",
    "tcpnet report --compare before.ndjson after.ndjson",
  ],
  about:
    "The files are those of --events; -: standard input. Files of one run (host's and peer's) are brought onto one clock.\n" +
    "Prints what limited each connection, and writes one HTML file that needs no network: what limits the sender over\n" +
    "time, the time-sequence graph with what the link did, windows, round trips, the link's queue, both ends' states, a\n" +
    "ladder, and every packet with its reason.",
  groups: [
    group(
      "Options",
      ["-o, --output <file>", "the page (default report.html); -: to standard output"],
      ["--compare", "show two runs side by side, one file each"],
      ["--json", "print the verdicts as one JSON object"],
    ),
  ],
  exits: [
    ["0", "the page was written"],
    ["1", "a file could not be read, or the page could not be written"],
    ["2", "wrong usage"],
    ["4", "no permission to read or write a file"],
    ["5", "a file is no record of a run, or has no packets"],
  ],
  load: () => import("./commands/report.ts"),
};

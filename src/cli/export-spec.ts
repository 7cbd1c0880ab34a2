import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet export`. */
export const EXPORT: CommandSpec = {
  name: "export",
  args: "<...files>",
  summary: "convert a recorded run for other tools: qlog, Perfetto, CSV",
  examples: [
    "tcpnet export run.ndjson -o run.sqlog",
    "tcpnet export host.ndjson peer.ndjson -o both.json",
    "tcpnet export run.ndjson --format csv --interval 100ms > run.csv",
  ],
  about:
    "The files are those of --events, as for tcpnet report; -: standard input. qlog is for qvis (qvis.quictools.info),\n" +
    "Perfetto's JSON for ui.perfetto.dev: counters of windows, round trips and goodput, and states, limits and recoveries\n" +
    "as slices. CSV has one row for each change of a window or round-trip time, or one per interval.",
  groups: [
    group(
      "Options",
      ["-f, --format <name>", "qlog, perfetto or csv (default: by the name of the output: .sqlog, .json or .csv)"],
      ["-o, --output <file>", "the converted file (default -: standard output)"],
      ["--interval <time>", "csv: one row per connection and interval, such as 100ms"],
    ),
  ],
  exits: [
    ["0", "the file was written"],
    ["1", "a file could not be read or written"],
    ["2", "wrong usage"],
    ["4", "no permission to read or write a file"],
    ["5", "a file is no record of a run, or has no events"],
    ["141", "the reader of its output has gone"],
  ],
  load: () => import("./commands/export.ts"),
};

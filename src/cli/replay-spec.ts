import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet replay`. */
export const REPLAY: CommandSpec = {
  name: "replay",
  args: "<file>",
  summary: "open a saved run, and run a simulation again",
  examples: [
    "tcpnet replay run.replay",
    "tcpnet replay run.replay -o page.html",
    "tcpnet replay run.replay --events run.ndjson -w run.pcapng",
  ],
  about:
    "The file is that of --save of sim, demo, host or peer: command, flags, seed, link, events and, with -w, the capture. A\n" +
    "simulation is run again in virtual time, and its digest compared: if it is the same, every packet and every decision\n" +
    "was. Runs of host, peer and demo are shown as they were recorded. report, export and diff read these files as well.",
  groups: [
    group(
      "Options",
      ["-o, --output <file>", "the page (default report.html, unless --events or -w is given); -: to standard output"],
      ["--events <file>", "write the recorded events"],
      ["-w, --write <file>", "write the capture, if the file has one; a second one gets its name as well"],
      ["--json", "print the result as one JSON object"],
    ),
  ],
  exits: [
    ["0", "what was asked for was written; a simulation went exactly as before"],
    ["1", "a simulation went differently, or a file could not be read or written"],
    ["2", "wrong usage"],
    ["4", "no permission to read or write a file"],
    ["5", "the file is no replay file, damaged or not whole"],
  ],
  load: () => import("./commands/replay.ts"),
};

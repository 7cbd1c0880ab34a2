import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet lesson`. */
export const LESSON: CommandSpec = {
  name: "lesson",
  args: "[name]",
  usage: ["", "<name>"],
  summary: "learn how TCP works: a question, what happens, the answer",
  examples: ["tcpnet lesson", "tcpnet lesson fast-retransmit", "tcpnet lesson bufferbloat -o bufferbloat.html"],
  about:
    "Without a name: lists the lessons. Each one asks a question, runs two stacks over a link in virtual time, shows the packets or\n" +
    "a window over time, and answers. What it says of the run is checked on the run. The same lesson gives the same packets\n" +
    "every time; no root needed. -o writes the run as a page with all its graphs (see tcpnet report).",
  groups: [
    group(
      "Options",
      ["-o, --output <file>", "write a page of the run as well; -: to standard output"],
      ["--ask", "wait for Enter after the question and before the answer"],
      ["--events <file>", "write every event of the run, for report, export and diff"],
      ["--json", "print the lesson and what the run says as one JSON object"],
    ),
  ],
  exits: [
    ["0", "the lesson was shown"],
    ["1", "what the lesson says is not so in the run (a bug), or a file could not be written"],
    ["2", "wrong usage, or there is no lesson of this name"],
    ["4", "no permission to write a file"],
    ["141", "the reader of its output has gone"],
  ],
  load: () => import("./commands/lesson.ts"),
};

import { type CommandSpec, group } from "./command-spec.ts";
import { EXPLAIN_FLAG, LINK_CLAUSES, PACKETS, REPORT_FLAG, RIGHTS } from "./flag-groups.ts";

/** `tcpnet run`. */
export const RUN: CommandSpec = {
  name: "run",
  args: "<...command>",
  startsProgram: true,
  usage: ["[options] [--] COMMAND"],
  summary: "run any program behind this stack, over any link; no root",
  examples: [
    "tcpnet run --loss 3% --delay 80ms -- wget https://example.org/file",
    "tcpnet run -w git.pcapng --report git.html -- git clone URL",
    "tcpnet run -p 8080:80 --link clear -- ./server",
  ],
  about:
    "The command gets a network of its own, whose only way out is this stack: every connection ends at the stack, and\n" +
    "goes on over a socket of this machine. So what the command meets on the way is up to the link flags. Nothing of this\n" +
    "machine's network is changed. Terminal, signals and exit code are the command's; when it ends, all of it ends.\n" +
    "Flags of tcpnet stand before the command.",
  groups: [
    group(
      "Network",
      [
        "-p, --publish <ports...>",
        "forward a TCP port of this machine to the command, which must listen on 0.0.0.0, not on 127.0.0.1 alone: 8080:80, " +
          "127.0.0.1:8080:80, or 8080 for the same one; may be given several times",
      ],
      ["--host-loopback", "let the command reach this machine's 127.0.0.1 as 10.0.2.2, and ::1 as fd00::2"],
      ["--dns <servers>", "resolvers, with commas between them: 9.9.9.9 (default: those of this machine)"],
      ["--map-root", "let the command look as if root ran it"],
      ["--mtu <bytes>", "largest IP packet, 1280 to 65535 (default 65520; over a link 1500)"],
    ),
    { title: "Link (both directions; in --link, out leads to the command)", flags: LINK_CLAUSES },
    group("Control", [
      "--socket <path>",
      "control socket (default: where tcpnet link --dev run looks for it); needs a link flag, such as --link clear",
    ]),
    group("Capture", ["-w, --write <file>", "write every packet as pcapng"]),
    group(
      "Explain",
      PACKETS,
      EXPLAIN_FLAG,
      ["--events <file>", "write every event of the run with its cause, one JSON object per line"],
      REPORT_FLAG,
    ),
    RIGHTS,
    group(
      "View",
      ["-v, --verbose", "say what is set up, and what was moved"],
      ["--json", "write all messages as JSON, one object per line"],
    ),
  ],
  exits: [
    ["the command's", "its exit code; 128 and the signal's number if a signal ended it"],
    ["1", "a record could not be written, or the namespaces' process was killed"],
    ["2", "wrong usage: nothing was run"],
    ["3", "a port or the control socket is in use"],
    ["4", "no user namespaces here, or no /dev/net/tun: the message says which, and what to do"],
    ["126, 127", "the command may not be executed, or was not found"],
  ],
  load: () => import("./commands/run.ts"),
};

import { type CommandSpec, group } from "./command-spec.ts";

/** `tcpnet explain`. */
export const EXPLAIN_CAPTURE: CommandSpec = {
  name: "explain",
  args: "<file>",
  summary: "explain a capture: what limited each connection, and why",
  examples: [
    "tcpnet explain slow.pcapng",
    "tcpnet explain big.pcap.gz --only 10.0.0.2:443 -o report.html",
    "cat day.pcap | tcpnet explain - --json",
  ],
  about:
    "Reads pcap and pcapng, also compressed by gzip; -: standard input. Ethernet (VLAN, MPLS, PPPoE), Linux cooked captures,\n" +
    "raw IP and loopback; packets may be cut to their headers. Everything but the packets is inferred: losses, why data\n" +
    "was sent again, what limited the sender, states, round trips. docs/EXPLAIN.md says how, and how often it is right.\n" +
    "Prints the connections with the most to say; -o writes the page of tcpnet report.",
  groups: [
    group(
      "Options",
      ["-o, --output <file>", "also write the report, one HTML file; -: to standard output"],
      ["--only <end>", "read only packets from or to an address, a port, or both: 10.0.0.2, 443, [2001:db8::1]:443"],
      ["--all", "print all connections (default: the 10 with the most to say)"],
      ["--json", "print the result as one JSON object"],
    ),
  ],
  exits: [
    ["0", "the capture was explained"],
    ["1", "the file could not be read, or the report could not be written"],
    ["2", "wrong usage"],
    ["4", "no permission to read or write a file"],
    ["5", "the file is no capture, or has no TCP packets"],
    ["141", "the reader of its output has gone"],
  ],
  load: () => import("./commands/explain.ts"),
};

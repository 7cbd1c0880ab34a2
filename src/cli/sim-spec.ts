import { type CommandSpec, group } from "./command-spec.ts";
import { EXPLAIN_FLAG, LINK_CLAUSES, PACING, PACKETS, PROFILE, RECORD, REPORT_FLAG, SAVE_FLAG } from "./flag-groups.ts";

const WATCH_SIM = [
  "--watch",
  "play the run in real time with a dashboard; keys change the link (h: help). Without a terminal: a line per virtual second",
] as const;
const SPEED = [
  "--speed <speed>",
  "virtual seconds per second with --watch: 0.1 is slow motion, max as fast as it goes (default 1; without a terminal max)",
] as const;

/** `tcpnet sim`. */
export const SIM: CommandSpec = {
  name: "sim",
  args: "",
  summary: "simulate transfers between two stacks, without a network",
  examples: [
    "tcpnet sim --rtt 40ms --rate 10mbit --loss 1%",
    "tcpnet sim --flows 2 --cc newreno,cubic --rtt 40ms --rate 20mbit --time 60s",
    "tcpnet sim --bytes 1M --delay 20ms --loss 2% --seed 7 --events -",
  ],
  about:
    "Runs in virtual time: an hour takes seconds, and the same seed gives the same packets, losses and decisions.\n" +
    "The table has one line per flow and direction (there: from the side that connects): bytes received, when the last\n" +
    "one came, the goodput, retransmitted segments, timeouts, the last and the smallest round-trip time, the last and\n" +
    "the largest congestion window; below it, how long packets waited in the queue of the link. Without a link flag the link\n" +
    "has 20 ms delay, 10 Mbit/s and a queue of 100 packets.",
  groups: [
    group(
      "Traffic",
      ["--bytes <size>", "bytes that each flow sends (default 10M; with --time: unlimited)"],
      ["--time <time>", "end after this much virtual time (default: when all data was sent)"],
      ["--omit <time>", "leave out this much at the beginning: goodput and waiting times count from then on"],
      ["--flows <number>", "number of connections that share the link (default 1)"],
      ["--bidir", "both ends send"],
      ["--reverse", "the far end sends"],
      ["--stall <spans>", "the receivers read nothing in these times: 5s-10s,20s-21s"],
      ["--rtt <time>", "round-trip time: half of it becomes the delay of each direction"],
      ["--mtu <bytes>", "largest IP packet (default 1500)"],
      ["--ipv6", "IPv6 instead of IPv4"],
    ),
    group(
      "TCP",
      [
        "--cc <names>",
        "congestion control: cubic (default), newreno, bbr, bbr1, fixed; cubic,bbr: in turn. From source (src/cli/tcpnet.sh) also a file of yours: ./mine.ts",
      ],
      PACING,
      ["--buffer <size>", "size of send and receive buffers (default 16M)"],
      ["--no-sack", "do not use SACK"],
      ["--no-timestamps", "do not use timestamps"],
      PROFILE,
      ["--ecn", 'use ECN; the link must mark packets: --link "rate 10mbit ecn 20"'],
    ),
    {
      title: "Link (both directions)",
      flags: LINK_CLAUSES,
    },
    group("Capture", [
      "-w, --write <file>",
      "write the left stack's packets as pcapng, and the right one's in a second file: sim.pcapng and sim-right.pcapng; -: the left one's to standard output",
    ]),
    group("View", WATCH_SIM, SPEED, PACKETS, EXPLAIN_FLAG, ...RECORD, REPORT_FLAG, SAVE_FLAG, [
      "--json",
      "print the result as one JSON object",
    ]),
  ],
  exits: [
    ["0", "every flow transferred all of its data"],
    ["1", "a flow failed, or was not finished when the time was over"],
    ["2", "wrong usage: nothing was run"],
    [
      "129, 130, 143",
      "with --watch: ended by a closed terminal, Ctrl-C or q, SIGTERM; the table is of the time until then",
    ],
    ["4", "root was to run a controller that others can change"],
  ],
  load: () => import("./commands/sim.ts"),
};

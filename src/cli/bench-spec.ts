import { type CommandSpec, group } from "./command-spec.ts";
import { ADDRESSES, LIVE_LINK, PACING, PROFILE, RIGHTS } from "./flag-groups.ts";

/** `tcpnet bench`: in a file of its own, because it is several programs in one. */
export const BENCH: CommandSpec = {
  name: "bench",
  args: "[...words]",
  usage: [
    "-s <tun> <cidr> [remote]",
    "-c <tun> <cidr> <server>",
    "--vs kernel|pump",
    "diff <before.json> <after.json>",
  ],
  summary: "measure throughput, latency and connections, as iperf3 does",
  examples: [
    "tcpnet bench -s tun0 10.0.0.1/24",
    "tcpnet bench -c tun1 10.0.1.1/24 10.0.0.7 -t 10 -P 4",
    "tcpnet bench --vs kernel",
  ],
  about:
    "Speaks iperf3's protocol (3.12 and later): the other side may be iperf3 on this machine or elsewhere, except for --rr\n" +
    "and --crr. -s serves any number of clients at once. --vs needs no setup: it builds a private network, measures tcpnet\n" +
    "and the kernel's TCP (or a program that only reads and writes packets) in turn, and prints the ratio of the medians.\n" +
    "diff compares the results of two runs with --json. Results go to standard output, messages to standard error.",
  groups: [
    group(
      "What to run",
      ["-s, --server", "wait for clients; without <remote> anybody may connect"],
      ["-c, --client", "run a test against the server"],
      ["--vs <what>", "kernel: beside the kernel's TCP; pump: beside a program without a stack"],
      ["--rounds <number>", "with --vs: so many runs of each, in turn (default 3)"],
      ["--threshold <percent>", "with diff: how much worse the second result may be (default 5%)"],
    ),
    group(
      "Test (-c and --vs)",
      ["-t, --time <seconds>", "how long (default 10; with --vs 3)"],
      ["-n, --bytes <size>", "end after so many bytes instead, over all streams"],
      ["-P, --parallel <number>", "streams, or connections at a time, 1 to 128 (default 1)"],
      ["-R, --reverse", "the server sends"],
      ["--bidir", "both send"],
      [
        "-l, --len <size>",
        "bytes of a write, at most 1Mi (default 128Ki); of a request with --rr and --crr (default 1)",
      ],
      ["-b, --bitrate <bitrate>", "bits per second that each stream sends at most: 100M or 100mbit"],
      ["-O, --omit <seconds>", "leave out so many seconds at the beginning (default 0; with --vs 1)"],
      ["--rr", "requests and responses: latency and transactions per second"],
      ["--crr", "a connection for each request: connect, request, response, close"],
    ),
    group(
      "Server (-s)",
      ["-1, --one-off", "end after one test"],
      ["--max <number>", "tests at a time; further clients are told that the server is busy (default 128)"],
    ),
    group(
      "TCP",
      ["-p, --port <port>", "TCP port of the server (default 5201)"],
      [
        "-C, --congestion <name>",
        "congestion control: cubic (default), newreno, bbr, bbr1; a client sets that of both sides",
      ],
      PACING,
      ["--timeout <time>", "give up if the other side does not answer for this long (default 10s)"],
      PROFILE,
    ),
    group("Addresses and device", ...ADDRESSES, [
      "--no-offload",
      "send packets of MTU size instead of 64 KiB super-segments",
    ]),
    LIVE_LINK,
    RIGHTS,
    group(
      "View",
      ["-i, --interval <seconds>", "time between two lines, 0.1 to 60; 0: none (default 1)"],
      ["-q, --quiet", "show only results, errors and warnings"],
      ["-J, --json", "print the result as one JSON object, with iperf3's names"],
      ["--json-stream", "print one JSON object per event, as iperf3 3.17 does"],
    ),
  ],
  exits: [
    ["0", "the test ran to its end; diff: nothing is worse"],
    ["1", "the test failed; diff: something is worse by more than --threshold"],
    ["2", "wrong usage: nothing was done"],
    ["3", "the machine is not ready, or the server is busy"],
    ["4", "no permission: sudo, or a device made by netup; --vs: this system allows no private network"],
    ["10", "refused: the SYN was answered with RST"],
    ["11", "no answer in time"],
    ["12", "the connection was reset"],
    ["13", "unreachable: a router sent an ICMP error"],
    ["14", "the other side stopped answering"],
    ["129, 130, 143", "ended by a closed terminal, Ctrl-C or SIGTERM"],
    ["141", "the reader of its output has gone"],
  ],
  movesPackets: ({ flags }) => flags.has("server") || flags.has("client"),
  load: () => import("./commands/bench.ts"),
};

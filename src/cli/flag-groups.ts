/** Flags that several commands have, as `--help` shows them. */
import type { Flag } from "./argv.ts";
import { type FlagGroup, group } from "./command-spec.ts";

export const GLOBAL_FLAGS: readonly Flag[] = [
  { raw: "-h, --help", text: "show this help" },
  { raw: "-V, --version", text: "show the version" },
];

export const SERVICE = [
  ["--echo", "send back what is received"],
  ["--discard", "throw away what is received"],
  ["--source <size>", "send so many bytes of a test pattern, such as 64M, then close"],
  ["--verify <size>", "send so many random bytes and check those of the other side; use it on both sides"],
] as const;

export const TRAFFIC = [
  ["--port <port>", "TCP port (default 7000)"],
  ["--send <file>", "send this file instead of standard input"],
  ["--recv <file>", "write received data to this file; its old content is kept until data arrives"],
] as const;

export const QUEUES = [
  "--queues <number>",
  "use so many processors: the device gets as many queues, each with a thread and a stack of its own (with --echo, --discard or --source)",
] as const;

export const FAST_OPEN = [
  "--fast-open",
  "send and accept data in the SYN (TCP Fast Open, RFC 7413); use it on both sides; between two named addresses no cookie is needed",
] as const;

export const CONTROL = [
  "--cc <name>",
  "congestion control of what is sent: cubic (default), newreno, bbr, bbr1 or fixed",
] as const;

export const PACING = [
  "--pacing <mode>",
  "off (default), on: send evenly, at the pace of cwnd; or a rate such as 50mbit that is not exceeded",
] as const;

export const PROFILE = [
  "--profile <name>",
  "behave like this TCP: linux, freebsd, rfc9293 or rfc793 (default: Linux' rules with a few exceptions)",
] as const;

export const STRICT_TIMESTAMPS = [
  "--strict-timestamps",
  "drop segments that lack the agreed timestamp (RFC 7323 §3.2); without this they are accepted, as on Linux",
] as const;

export const LINK_CLAUSES: readonly Flag[] = group(
  "",
  ["--delay <time>", "delay every packet: 20ms"],
  ["--jitter <time>", "vary the delay by up to this: 5ms"],
  ["--loss <percent>", "lose packets at random: 1%"],
  ["--loss-ge <p,r,…>", "lose packets in bursts (Gilbert-Elliott): 1% begins one, 10% ends it: 1%,10%"],
  ["--duplicate <percent>", "deliver packets twice: 2%"],
  ["--reorder <percent>", "let packets skip the delay: 1%"],
  ["--corrupt <percent>", "flip a bit in packets: 0.1%"],
  ["--rate <rate>", "limit the bandwidth: 10mbit"],
  ["--queue <room>", "length of the queue that the rate fills: 100 packets, or 64kB (default 1000)"],
  [
    "--link <words>",
    'all of these in one text, and more: "delay 20ms loss 1%" (see tcpnet link --help); clear: a perfect link that can be changed later',
  ],
  ["--seed <number>", "repeat the same random losses (default: a new seed, which is shown)"],
).flags;

export const LINK: FlagGroup = {
  title: "Link (both directions of this device; turns offload off)",
  flags: LINK_CLAUSES,
};

/** For host and peer: their link can be changed while they run, if they were started with one. */
export const LIVE_LINK: FlagGroup = {
  title: LINK.title,
  flags: [
    ...LINK_CLAUSES,
    {
      raw: "--socket <path>",
      text: "control socket (default: where tcpnet link --dev <tun> looks for it); needs a link flag, such as --link clear",
    },
  ],
};

export const CAPTURE = group("Capture", ["-w, --write <file>", "write every packet as pcapng; -: to standard output"]);

/** The record of a run (docs/EVENTS.md). */
export const RECORD = [
  ["--events <file>", "write every event of the run with its cause, one JSON object per line; -: to standard output"],
] as const;

export const REPORT_FLAG = ["--report <file>", "write a page that explains the run (see tcpnet report)"] as const;

export const PACKETS = [
  "--packets",
  "show every segment: direction, flags, sequence number and length, ACK, window, SACK, the reason",
] as const;

export const EXPLAIN_FLAG = [
  "--explain",
  "the same, and every decision with its reason: losses, timers, windows",
] as const;

export const SAVE_FLAG = [
  "--save <file>",
  "write flags, seed, link, events and (with -w) the capture into one file, which tcpnet replay opens",
] as const;

/** Flags that explain what the stack does. */
export const EXPLAIN = group("Explain", PACKETS, EXPLAIN_FLAG, ...RECORD, REPORT_FLAG, SAVE_FLAG);

export const ADDRESSES = [
  ["--local <address>", "this stack's own address (default .7 for host, .5 for peer)"],
  ["--own-prefix", "use every address of the subnet except the kernel's"],
  ["--kernel", "<remote> is an address of this machine: talk to a program on it"],
  ["--mtu <bytes>", "largest IP packet, 68 to 65535 (default 1500)"],
  ["--force", "use a TUN device that netup did not create"],
  [
    "--tun-fd <number>",
    "use this open descriptor, which another program attached to the TUN device (IFF_TUN | IFF_NO_PI)",
  ],
] as const;

/** Flags of commands that read packets: these do not stay root. */
export const RIGHTS = group(
  "Privileges (if root starts the program)",
  ["--user <name>", "go on as this user once everything is open (default: the caller of sudo, else nobody)"],
  ["--keep-root", "stay root, and open files as root"],
);

export const WATCH = [
  "--watch",
  "show a dashboard: rates, cwnd, round trip, window, queue of the link; keys change the link (h: help). With --json: figures ten times a second",
] as const;

export const WEB = [
  "--web [web port]",
  "show the report's page while the run goes on, at an address of this machine that is printed (default: any free port)",
] as const;

export const VIEW = group(
  "View",
  WATCH,
  WEB,
  ["-q, --quiet", "show errors and warnings only"],
  ["--json", "write all messages as JSON, one object per line"],
);

/** Flags of host and peer. */
export const CONVERSATION: readonly FlagGroup[] = [LIVE_LINK, CAPTURE, EXPLAIN, RIGHTS, VIEW];

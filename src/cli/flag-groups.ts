/** Flags that several commands have, as `--help` shows them. */
import type { Flag } from "./argv.ts";
import { type FlagGroup, group } from "./command-spec.ts";

export const GLOBAL_FLAGS: readonly Flag[] = [
  { raw: "-h, --help", text: "this text" },
  { raw: "-V, --version", text: "the version" },
];

export const SERVICE = [
  ["--echo", "send back whatever comes"],
  ["--discard", "read and forget whatever comes"],
  ["--source <size>", "send this much (64M, 1G) of a known pattern, then FIN"],
] as const;

export const TRAFFIC = [
  ["--port <port>", "TCP port (7000)"],
  ["--send <file>", "send the file instead of standard input"],
  ["--recv <file>", "write what comes to the file, which keeps its old content until something comes"],
] as const;

export const FAST_OPEN = [
  "--fast-open",
  "the first bytes go with the SYN and are taken with it (RFC 7413): say it on both; of a named remote no cookie is asked",
] as const;

export const LINK_CLAUSES: readonly Flag[] = group(
  "",
  ["--delay <time>", "20ms"],
  ["--jitter <time>", "5ms around the delay"],
  ["--loss <percent>", "1%"],
  ["--loss-ge <p,r,…>", "bursts after Gilbert and Elliott: 1%,10%"],
  ["--duplicate <percent>", "2%"],
  ["--reorder <percent>", "1% (needs --delay)"],
  ["--corrupt <percent>", "0.1%"],
  ["--rate <rate>", "10mbit"],
  ["--queue <room>", "100 packets, or 64kB, wait in front of the rate"],
  [
    "--link <words>",
    '"delay 20ms loss 1%": all words are in tcpnet link --help; clear: a perfect link that can be changed later',
  ],
  ["--seed <number>", "repeat the same losses (without it: a new number each time, which is shown)"],
).flags;

export const LINK: FlagGroup = {
  title: "Link (netem's words; both directions of this device; switches offload off)",
  flags: LINK_CLAUSES,
};

/** What a conversation adds: its link can be changed while it runs, if it began with one. */
export const LIVE_LINK: FlagGroup = {
  title: LINK.title,
  flags: [
    ...LINK_CLAUSES,
    {
      raw: "--socket <path>",
      text: "where tcpnet link changes the link while it runs (default: where tcpnet link --dev <tun> looks); needs a link flag, such as --link clear",
    },
  ],
};

export const CAPTURE = group("Capture", ["-w, --write <file>", "every packet as pcapng; - for standard output"]);

/** For whoever wants to know why. */
export const EXPLAIN = group(
  "Explain",
  ["--explain", "tell every decision: losses, timers, windows, and why"],
  ["--events <file>", "every event with its cause, a JSON object per line"],
);

export const ADDRESSES = [
  ["--local <address>", "the stack's own address (.7 for host, .5 for peer)"],
  ["--own-prefix", "be every address of the prefix but the kernel's"],
  ["--kernel", "<remote> is the kernel's own address: talk to a program of this machine"],
  ["--mtu <bytes>", "largest IP packet, 68 to 65535 (1500)"],
  ["--force", "use a TUN device that netup did not make"],
] as const;

export const VIEW = group(
  "View",
  ["-q, --quiet", "say errors only"],
  ["--json", "tell everything on standard error as JSON, one object per line"],
);

import type { Flag } from "./argv.ts";
import { BENCH } from "./bench-spec.ts";
import { type CommandSpec, group } from "./command-spec.ts";
import { COMPLETION } from "./completion-spec.ts";
import { DIFF } from "./diff-spec.ts";
import { EXPLAIN_CAPTURE } from "./explain-spec.ts";
import { EXPORT } from "./export-spec.ts";
import {
  ADDRESSES,
  CONTROL,
  CONVERSATION,
  EXPLAIN,
  FAST_OPEN,
  GLOBAL_FLAGS,
  LINK,
  LINK_CLAUSES,
  PACING,
  PACKETS,
  PROFILE,
  QUEUES,
  RECORD,
  REPORT_FLAG,
  RIGHTS,
  SAVE_FLAG,
  SERVICE,
  STRICT_TIMESTAMPS,
  TRAFFIC,
  VIEW,
} from "./flag-groups.ts";
import { LESSON } from "./lesson-spec.ts";
import { LINK_LANGUAGE } from "./link-language.ts";
import { REPLAY } from "./replay-spec.ts";
import { REPORT } from "./report-spec.ts";
import { RUN } from "./run-spec.ts";
import { SIM } from "./sim-spec.ts";

export type { Call, CommandSpec } from "./command-spec.ts";

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "demo",
    args: "",
    summary: "run the whole experiment in a private network",
    examples: ["tcpnet demo", "tcpnet demo --loss 1% --delay 20ms", "tcpnet demo --size 64M -w demo.pcapng"],
    about:
      "Creates a private network namespace with both devices, starts host and peer in it, sends data in both directions\n" +
      "and checks every byte. Nothing is stored, and your own network is not touched. Where this system allows no\n" +
      "namespace, the two stacks are connected in memory instead.",
    groups: [
      group(
        "Traffic",
        ["--size <size>", "bytes to send each way (default 8M; over a bad link 1M)"],
        ["--memory", "connect the two stacks in memory, without the kernel"],
        CONTROL,
        PACING,
        ["--mtu <bytes>", "largest IP packet, 576 to 65535 (default 1500)"],
        ["--no-offload", "send packets of MTU size instead of 64 KiB super-segments"],
      ),
      LINK,
      group("Capture", [
        "-w, --write <file>",
        "write the peer's packets as pcapng, and the host's in a second file: demo.pcapng and demo-host.pcapng; -: the peer's to standard output",
      ]),
      EXPLAIN,
      RIGHTS,
      VIEW,
    ],
    exits: [
      ["0", "every byte arrived, in both directions"],
      ["1", "data is missing or differs, or something failed"],
      ["2", "wrong usage: nothing was done"],
      ["129, 130, 143", "ended by a closed terminal, Ctrl-C or SIGTERM"],
      ["141", "the reader of its output has gone"],
    ],
    load: () => import("./commands/demo.ts"),
  },
  RUN,
  {
    name: "netup",
    args: "",
    summary: "set up the two devices, forwarding and firewall (root)",
    examples: ["sudo tcpnet netup --dry-run", "sudo tcpnet netup", "sudo tcpnet netup --subnet 10.77.0.0/16 --v6"],
    about: "A second netup changes nothing. netdown removes exactly what netup added; so does a reboot.",
    groups: [
      group(
        "Network",
        ["--ifs <a,b>", "names of the two devices (default tun0,tun1)"],
        ["--subnet <prefix>", "take both subnets from this network (default 10.0.0.0/23)"],
        ["--addresses <a,b>", "the kernel's addresses (default 10.0.0.1/24,10.0.1.1/24)"],
        ["--user <name>", "who may run host and peer without sudo (default: who ran sudo)"],
        ["--v6", "add IPv6: fd00:a::1/64 and fd00:b::1/64"],
        ["--mtu <bytes>", "largest IP packet, 576 to 65535 (default 1500)"],
        ["--multi-queue", "let the devices have several queues, for host --queues"],
        [
          "--uplink <name>",
          "let the stacks reach other machines through this interface (NAT); auto: the one with the default route",
        ],
        ["--global-forward", "turn on forwarding for the whole machine, not only for the two devices"],
        ["--force", "use existing TUN devices of these names"],
      ),
      group(
        "View",
        ["--dry-run", "show the commands, change nothing"],
        ["--json", "print the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "host and peer can run; with --dry-run: the plan was printed"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "something is missing or in the way, or packets do not get through"],
      ["4", "no permission: sudo"],
    ],
    load: () => import("./commands/netup.ts"),
  },
  {
    name: "host",
    args: "<tun> <cidr> <remote>",
    summary: "wait for a connection (passive open)",
    examples: [
      "tcpnet host tun0 10.0.0.1/24 10.0.1.5",
      "tcpnet host tun0 10.0.0.1/24 10.0.1.5 > received.bin",
      "tcpnet host tun0 10.0.0.1/24 10.0.1.5 --any --echo",
    ],
    about:
      "<tun> is the device, <cidr> the kernel's address on it, and <remote> the other stack, which alone may connect.\n" +
      "This stack uses another address in that subnet: 10.0.0.7. Received data goes to standard output, standard input\n" +
      "is sent, and messages go to standard error. Ctrl-D ends what you send; you can still receive.",
    groups: [
      group(
        "Traffic",
        ...TRAFFIC,
        ["--any", "let anybody connect"],
        ["--keep", "serve one connection after another; --send sends the file to each"],
        ["--max <number>", "most connections at a time; further SYNs are dropped, and clients retry (default 65536)"],
        [
          "--max-per-source <number>",
          "most connections at a time from one address, or one IPv6 /64 (default: no limit)",
        ],
        ...SERVICE,
        QUEUES,
        [
          "--timeout <time>",
          "give up if nobody connects in this time (default: never), or after this much silence (default 255s)",
        ],
        ["--simultaneous", "both sides connect at the same time; use it on both"],
        FAST_OPEN,
        CONTROL,
        PACING,
        STRICT_TIMESTAMPS,
        PROFILE,
      ),
      group("Addresses and device", ...ADDRESSES, [
        "--no-offload",
        "send packets of MTU size instead of 64 KiB super-segments",
      ]),
      ...CONVERSATION,
    ],
    movesPackets: true,
    load: () => import("./commands/host.ts"),
  },
  {
    name: "peer",
    args: "<tun> <cidr> <remote>",
    summary: "open a connection (active open)",
    examples: [
      "tcpnet peer tun1 10.0.1.1/24 10.0.0.7",
      "tcpnet peer tun1 10.0.1.1/24 10.0.0.7 < file.bin",
      "tcpnet peer tun1 10.0.1.1/24 10.0.0.7 --source 1G --loss 1%",
    ],
    about:
      "<tun> is the device, <cidr> the kernel's address on it, and <remote> the stack to connect to. This stack uses\n" +
      "another address in that subnet: 10.0.1.5. The SYN is repeated until the host answers, so either side may start first.",
    groups: [
      group(
        "Traffic",
        ...TRAFFIC,
        ...SERVICE,
        [
          "--timeout <time>",
          "give up if the other side is silent for this long, while connecting or later (default 255s)",
        ],
        ["--simultaneous", "both sides connect at the same time; use it on both"],
        FAST_OPEN,
        CONTROL,
        PACING,
        STRICT_TIMESTAMPS,
        PROFILE,
      ),
      group("Addresses and device", ...ADDRESSES, [
        "--no-offload",
        "send packets of MTU size instead of 64 KiB super-segments",
      ]),
      ...CONVERSATION,
    ],
    movesPackets: true,
    load: () => import("./commands/peer.ts"),
  },
  BENCH,
  {
    name: "status",
    args: "",
    summary: "show what is set up: devices, routes, forwarding, rules",
    examples: ["tcpnet status", "sudo tcpnet status", "tcpnet status --json"],
    about: "Changes nothing. What only root can see is shown as unknown.",
    groups: [
      group(
        "Options",
        ["--ifs <a,b>", "names of the two devices (default: those of netup, else tun0,tun1)"],
        ["--json", "print the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "everything is set up"],
      ["2", "wrong usage"],
      ["3", "something is missing or switched off, or a firewall drops the packets"],
    ],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "netdown",
    args: "",
    summary: "undo what netup did, nothing else (root)",
    examples: ["sudo tcpnet netdown --dry-run", "sudo tcpnet netdown", "sudo tcpnet netdown --json"],
    about: "Anything that was changed since then is left alone and reported.",
    groups: [
      group(
        "Options",
        ["--ifs <a,b>", "only if netup set up these two devices (default: whatever it set up)"],
        ["--dry-run", "show what would be undone"],
        ["--json", "print the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "everything was undone, or there was nothing to undo"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "something could not be undone (run netdown again to retry), or other devices were named"],
      ["4", "no permission: sudo"],
    ],
    load: () => import("./commands/netdown.ts"),
  },
  {
    name: "drill",
    args: "<...scripts>",
    summary: "run packetdrill scripts against this stack or the kernel",
    examples: [
      "tcpnet drill test/drill/handshake",
      "tcpnet drill --verbose --pcap t.pcap script.pkt",
      "sudo tcpnet drill --kernel test/drill/handshake",
    ],
    about:
      "<scripts> are *.pkt files, or folders that contain them. Scripts run in virtual time: ten seconds take\n" +
      "milliseconds, and the result is the same every time. No root needed. Each script gets one line; differences are\n" +
      "shown below it. With --kernel, scripts run in real time against this machine's own TCP, each in a private network\n" +
      "(this needs root or user namespaces, and /dev/net/tun).",
    groups: [
      group(
        "Scripts",
        [
          "--profile <name>",
          "the stack that the scripts are written for: linux, freebsd or rfc793 (default: what the script or " +
            "drill.options in its folder says, else linux)",
        ],
        ["-D, --define <name=value...>", "define a name for the scripts; may be given several times"],
        [
          "-o, --option <name=value...>",
          "set an option as in a script's head, such as ip_version=ipv6; the script's own options override it",
        ],
        ["--strict", "fail on packets that the script does not expect"],
        ["--neutral", "for scripts of older kernels: ignore windows, PSH and the order of a SYN's options"],
        [
          "--tolerance <time>",
          "how early or late a packet may be (default 4ms, or 12.5 % of the waiting time if that is more)",
        ],
        ["--seed <number>", "for all random numbers: ISNs, timestamps, ports (default 1)"],
      ),
      group(
        "Kernel",
        ["--kernel", "test this machine's own TCP; a packet may be 10 ms early or late"],
        ["--jobs <number>", "with --kernel: run so many scripts at a time (default 4)"],
      ),
      group(
        "Capture",
        [
          "-w, --write <file>",
          "write the packets of all scripts as pcapng, each with its reason; -: to standard output",
        ],
        ["--pcap <file>", "the same in the older format, without reasons and directions"],
      ),
      group("Explain", ...RECORD, SAVE_FLAG),
      group(
        "View",
        ["-v, --verbose", "print every packet and every note"],
        ["--json", "print one JSON object per script, one per line"],
      ),
    ],
    exits: [
      ["0", "every script passed"],
      ["1", "a script failed or has a syntax error"],
      ["2", "wrong usage: nothing was run"],
      ["3", "none failed, but a script needs an unsupported feature"],
      ["4", "--kernel: this system allows no private network"],
    ],
    load: () => import("./commands/drill.ts"),
  },
  SIM,
  REPORT,
  EXPLAIN_CAPTURE,
  DIFF,
  EXPORT,
  REPLAY,
  LESSON,
  {
    name: "chaos",
    args: "<tunA> <cidrA> <tunB> <cidrB>",
    summary: "put a bad link between two devices, for any program",
    examples: [
      "sudo tcpnet chaos tun0 10.0.0.1/24 tun1 10.0.1.1/24 --delay 50ms --loss 1%",
      "ping 10.0.0.2",
      'sudo tcpnet link set "delay 100ms 20ms loss 5%"',
    ],
    about:
      "Every packet that the kernel sends to one device comes back from the other, after whatever the link does to it.\n" +
      "On the first device, 10.0.0.2 represents the address of the second one (10.0.1.1): a connection to it crosses the\n" +
      "link, although both ends are on this machine. Packets with other addresses cross the link unchanged: route them\n" +
      "to a device, or move one device into another network namespace.",
    groups: [
      group(
        "Devices",
        ["--mtu <bytes>", "largest IP packet of both devices, 576 to 65535 (default 1500)"],
        ["--force", "use TUN devices that netup did not create"],
        ["--socket <path>", "control socket (default: where tcpnet link --dev <tunA> looks for it)"],
      ),
      { title: "Link (both directions)", flags: LINK_CLAUSES },
      group("Capture", [
        "-w, --write <file>",
        "write the first device's packets as pcapng, and the second's beside it: lab.pcapng, lab-tun1.pcapng; -: to standard output",
      ]),
      group("Explain", PACKETS, ...RECORD, REPORT_FLAG, SAVE_FLAG),
      RIGHTS,
      VIEW,
    ],
    exits: [
      ["0", "ended by Ctrl-C"],
      ["1", "a device vanished"],
      ["2", "wrong usage: nothing was done"],
      ["3", "a device or the control socket is in use"],
      ["4", "no permission: sudo"],
      ["129, 143", "ended by a closed terminal or SIGTERM"],
    ],
    movesPackets: true,
    load: () => import("./commands/chaos.ts"),
  },
  {
    name: "link",
    args: "<...words>",
    summary: "show or change the link of a running program",
    examples: [
      "tcpnet link show",
      'tcpnet link set "delay 20ms loss 1%"',
      "tcpnet link change out rate 1mbit --dev tun1",
    ],
    about:
      "The program is chaos, or a host, peer, demo, run or bench that was started with a link flag; --link clear starts with\n" +
      "a perfect link. (Without a link flag, devices use offload, which cannot be turned off later.)",
    groups: [
      group(
        "Options",
        ["--dev <name>", "the link of this device, or of demo or run; needed if several links are there"],
        ["--socket <path>", "the link with this control socket"],
        ["--json", "print the answer as one JSON object"],
      ),
    ],
    sections: [
      {
        title: "What to do",
        rows: [
          ["show", "print the link and the number of packets so far"],
          ["set WORDS", "make it this link; what is not mentioned is perfect"],
          ["change WORDS", "change what is mentioned, keep the rest"],
          ["clear", "make it a perfect link"],
        ],
      },
      ...LINK_LANGUAGE,
    ],
    exits: [
      ["0", "the link was shown or changed"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "no such link is running"],
      ["4", "no permission: sudo"],
    ],
    load: () => import("./commands/link.ts"),
  },
  COMPLETION,
];

/** Every flag that the command knows, the global ones too. */
export function flagsOf(command: CommandSpec | undefined): Flag[] {
  return [...(command?.groups ?? []).flatMap((each) => each.flags), ...GLOBAL_FLAGS];
}

import type { Flag } from "./argv.ts";
import { type CommandSpec, group } from "./command-spec.ts";
import {
  ADDRESSES,
  CAPTURE,
  EXPLAIN,
  FAST_OPEN,
  GLOBAL_FLAGS,
  LINK,
  LINK_CLAUSES,
  LIVE_LINK,
  SERVICE,
  TRAFFIC,
  VIEW,
} from "./flag-groups.ts";
import { LINK_LANGUAGE } from "./link-language.ts";

export type { Call, CommandSpec } from "./command-spec.ts";

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "demo",
    args: "",
    summary: "the whole experiment by itself, in a network of its own",
    examples: ["tcpnet demo", "tcpnet demo --loss 1% --delay 20ms", "tcpnet demo --size 64M -w demo.pcapng"],
    about:
      "Makes a private network namespace, sets up both devices in it, starts host and peer, sends data both ways and\n" +
      "compares checksums. Nothing of this machine is touched. Where namespaces cannot be had, a link in memory serves.",
    groups: [
      group(
        "Traffic",
        ["--size <size>", "bytes each way (8M; 1M over an impaired link)"],
        ["--memory", "two stacks over a link in memory, no kernel between"],
        ["--mtu <bytes>", "largest IP packet, 576 to 65535 (1500)"],
        ["--no-offload", "plain packets instead of 64 KiB super-segments"],
      ),
      LINK,
      CAPTURE,
      VIEW,
    ],
    exits: [
      ["0", "every byte arrived, both ways"],
      ["1", "one did not, or something failed while it ran"],
      ["2", "wrong usage: nothing was done"],
      ["129, 130, 143", "ended by a closed terminal, by Ctrl-C, by SIGTERM"],
    ],
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "netup",
    args: "",
    summary: "prepare this machine: devices, forwarding, firewall (root)",
    examples: ["sudo tcpnet netup --dry-run", "sudo tcpnet netup", "sudo tcpnet netup --subnet 10.77.0.0/16 --v6"],
    about: "Doing it twice changes nothing; netdown undoes exactly what was done, and so does a reboot.",
    groups: [
      group(
        "Network",
        ["--ifs <a,b>", "names of the two devices (tun0,tun1)"],
        ["--subnet <prefix>", "take both subnets from here (10.0.0.0/23)"],
        ["--addresses <a,b>", "the kernel's addresses: 10.0.0.1/24,10.0.1.1/24"],
        ["--user <name>", "who may run host and peer without sudo (who called sudo)"],
        ["--v6", "IPv6 too: fd00:a::1/64 and fd00:b::1/64"],
        ["--mtu <bytes>", "576 to 65535 (1500)"],
        ["--uplink <name>", "masquerade to this interface, or auto"],
        ["--global-forward", "set net.ipv4.ip_forward=1 instead of forwarding per device"],
        ["--force", "adopt TUN devices that are there already"],
      ),
      group("View", ["--dry-run", "show the commands, change nothing"], ["--json", "the result as one JSON object"]),
    ],
    exits: [
      ["0", "host and peer can run; with --dry-run: the plan is told"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "something is missing or in the way, or packets do not pass yet"],
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
      "<tun> is the device, <cidr> the kernel's address on it, <remote> the other stack, the only one that is let in.\n" +
      "The stack itself is one more host of that prefix: 10.0.0.7. What comes goes to standard output; standard input\n" +
      "is sent; everything said to you goes to standard error. Ctrl-D closes your direction only.",
    groups: [
      group(
        "Traffic",
        ...TRAFFIC,
        ["--any", "let everybody in"],
        ["--keep", "serve one connection after the other; a file is sent to each"],
        ["--max <number>", "connections at once; SYNs beyond are dropped, and come again (65536)"],
        ...SERVICE,
        [
          "--timeout <time>",
          "give up when nobody has connected by then, or after so much silence (wait for ever; 255s)",
        ],
        ["--simultaneous", "both sides open actively: say it on both"],
        FAST_OPEN,
      ),
      group("Addresses and device", ...ADDRESSES, ["--no-offload", "plain packets instead of 64 KiB super-segments"]),
      LIVE_LINK,
      CAPTURE,
      EXPLAIN,
      VIEW,
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
      "<tun> is the device, <cidr> the kernel's address on it, <remote> the stack to connect to. The stack itself is one\n" +
      "more host of that prefix: 10.0.1.5. The SYN is sent again until the host is there, so either may start first.",
    groups: [
      group(
        "Traffic",
        ...TRAFFIC,
        ...SERVICE,
        ["--timeout <time>", "give up after so much silence, to the SYN or later (255s)"],
        ["--simultaneous", "both sides open actively: say it on both"],
        FAST_OPEN,
      ),
      group("Addresses and device", ...ADDRESSES, ["--no-offload", "plain packets instead of 64 KiB super-segments"]),
      LIVE_LINK,
      CAPTURE,
      EXPLAIN,
      VIEW,
    ],
    movesPackets: true,
    load: () => import("./commands/peer.ts"),
  },
  {
    name: "status",
    args: "",
    summary: "what stands: devices, routes, forwarding, rules with counters",
    examples: ["tcpnet status", "sudo tcpnet status", "tcpnet status --json"],
    about: "Changes nothing. What only root may see is told as unknown.",
    groups: [
      group(
        "View",
        ["--ifs <a,b>", "names of the two devices (tun0,tun1)"],
        ["--json", "the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "everything stands"],
      ["2", "wrong usage"],
      ["3", "something is missing, or not as netup leaves it"],
    ],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "netdown",
    args: "",
    summary: "undo what netup did, and nothing else (root)",
    examples: ["sudo tcpnet netdown --dry-run", "sudo tcpnet netdown", "sudo tcpnet netdown --json"],
    about: "Whatever somebody else changed meanwhile is left as it is, and said.",
    groups: [
      group(
        "View",
        ["--ifs <a,b>", "names of the two devices (tun0,tun1)"],
        ["--dry-run", "show what would be undone"],
        ["--json", "the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "all is as it was, or was so already"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "something could not be undone, and is still in the state file"],
      ["4", "no permission: sudo"],
    ],
    load: () => import("./commands/netdown.ts"),
  },
  {
    name: "drill",
    args: "<...scripts>",
    summary: "run packetdrill scripts against the stack, or this kernel",
    examples: [
      "tcpnet drill test/drill/handshake",
      "tcpnet drill --verbose --pcap t.pcap script.pkt",
      "sudo tcpnet drill --kernel test/drill/handshake",
    ],
    about:
      "Files, and folders of *.pkt at any depth. A script of ten seconds takes milliseconds and gives the same result\n" +
      "each time; root is not needed. One line per script, and what differs below it.\n" +
      "With --kernel the same script runs against this machine's own TCP, in real time and each in a network of its own\n" +
      "(root, or user namespaces, and /dev/net/tun): does my kernel agree?",
    groups: [
      group(
        "Scripts",
        [
          "--profile <name>",
          "linux, freebsd or rfc793: the stack that the scripts are written for (what they say, or drill.options " +
            "in their folder; else linux)",
        ],
        ["-D, --define <name=value...>", "a word of the scripts, or a name for #ifdef; may stand several times"],
        [
          "-o, --option <name=value...>",
          "an option as at the head of a script (ip_version=ipv6), before the script's own",
        ],
        ["--strict", "packets that no expectation reads are a failure"],
        ["--neutral", "for scripts of older kernels: windows, PSH and the order of a SYN's options do not matter"],
        ["--tolerance <time>", "how far a packet may be from its time (4ms; at least 12.5 % of the distance)"],
        ["--seed <number>", "of everything random: ISNs, timestamps, ports (1)"],
      ),
      group(
        "Kernel",
        ["--kernel", "run them against this machine's own TCP; a packet may be 10 ms from its time"],
        ["--jobs <number>", "with --kernel: scripts at once (4)"],
      ),
      group("Capture", ["--pcap <file>", "the packets of all scripts, for Wireshark"]),
      group(
        "View",
        ["-v, --verbose", "print every packet and every note"],
        ["--json", "one JSON object per script, one per line"],
      ),
    ],
    exits: [
      ["0", "every script passed"],
      ["1", "a script failed, or has an error in its words"],
      ["2", "wrong usage: nothing was run"],
      ["3", "none failed, but one asks for something that tcpnet does not have"],
      ["4", "--kernel: this system allows no network of its own"],
    ],
    load: () => import("./commands/drill.ts"),
  },
  {
    name: "sim",
    args: "",
    summary: "a transfer between two stacks in virtual time, no network at all",
    examples: [
      "tcpnet sim --rtt 40ms --rate 10mbit --loss 1%",
      "tcpnet sim --flows 2 --cc newreno,cubic --rtt 40ms --rate 20mbit --time 60s",
      "tcpnet sim --bytes 1M --delay 20ms --loss 2% --seed 7 --events -",
    ],
    about:
      "An hour takes seconds, and the same seed gives the same run: every packet, every loss, every decision. Standard\n" +
      "output has a line per flow and way (there: from the side that connects): what was received, when all of it was, the\n" +
      "rate at which it came; what was sent again, how often a timeout said so, round trip and congestion window at the\n" +
      "end. Without any link flag the link has a delay of 20 ms, 10 Mbit/s and a queue of 100 packets.",
    groups: [
      group(
        "Traffic",
        ["--bytes <size>", "octets that each flow sends (10M; with --time: no end)"],
        ["--time <time>", "end after this virtual time (when all is sent)"],
        ["--flows <number>", "connections at once, over the one link (1)"],
        ["--bidir", "both ends send"],
        ["--reverse", "the far end sends"],
        ["--stall <spans>", "5s-10s,20s-21s: the receivers read nothing then"],
        ["--rtt <time>", "40ms: half of it as the delay of each way"],
        ["--mtu <bytes>", "largest IP packet (1500)"],
        ["--ipv6", "IPv6 instead of IPv4"],
      ),
      group(
        "TCP",
        ["--cc <names>", "newreno or cubic; newreno,cubic: in turn (cubic)"],
        ["--buffer <size>", "send and receive buffers (16M)"],
        ["--no-sack", "without SACK"],
        ["--no-timestamps", "without timestamps"],
        ["--rack", "find losses by RACK-TLP (RFC 8985)"],
        ["--ecn", 'with ECN (and a link that marks: --link "… ecn 20")'],
      ),
      {
        title: "Link (netem's words; both ways)",
        flags: LINK_CLAUSES,
      },
      group(
        "View",
        ["--events <file>", "every event as a line of text; - for standard output"],
        ["--json", "the result as one JSON object"],
      ),
    ],
    exits: [
      ["0", "every flow sent all that it was told to"],
      ["1", "a flow failed, or was not done when the time was over"],
      ["2", "wrong usage: nothing was run"],
    ],
    load: () => import("./commands/sim.ts"),
  },
  {
    name: "chaos",
    args: "<tunA> <cidrA> <tunB> <cidrB>",
    summary: "a bad link for any program: two devices, the link model between",
    examples: [
      "sudo tcpnet chaos tun0 10.0.0.1/24 tun1 10.0.1.1/24 --delay 50ms --loss 1%",
      "ping 10.0.0.2",
      'sudo tcpnet link set "delay 100ms 20ms loss 5%"',
    ],
    about:
      "Packets that go out of one device come back from the other, late, lost or not at all. 10.0.0.2 stands for the\n" +
      "other device's address: a connection to it crosses the link, though both ends are on this machine. Packets for\n" +
      "other places pass as they are: route them here, or move one device into another namespace.",
    groups: [
      group(
        "Devices",
        ["--mtu <bytes>", "largest IP packet of both devices, 576 to 65535 (1500)"],
        ["--force", "use TUN devices that netup did not make"],
        ["--socket <path>", "where tcpnet link reaches it (default: where tcpnet link --dev <tunA> looks)"],
      ),
      { title: "Link (netem's words; both ways)", flags: LINK_CLAUSES },
      VIEW,
    ],
    exits: [
      ["0", "ended by Ctrl-C"],
      ["1", "a device vanished"],
      ["2", "wrong usage: nothing was done"],
      ["3", "a device or the control socket is in use"],
      ["4", "no permission: sudo"],
      ["129, 143", "ended by a closed terminal, by SIGTERM"],
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
      "The program is chaos, or a host, peer or demo that was started with a link flag. To start with a perfect link, give\n" +
      "--link clear: offload must be off from the start for a link to be changed later.",
    groups: [
      group(
        "View",
        ["--dev <name>", "the link of this device, or of the demo; needed where several run"],
        ["--socket <path>", "the link that listens there"],
        ["--json", "the answer as one JSON object"],
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
      ["0", "told, or changed"],
      ["2", "wrong usage: nothing was changed"],
      ["3", "there is no link that can be changed"],
      ["4", "no permission: sudo"],
    ],
    load: () => import("./commands/link.ts"),
  },
];

/** Every flag that the command knows, the global ones too. */
export function flagsOf(command: CommandSpec | undefined): Flag[] {
  return [...(command?.groups ?? []).flatMap((each) => each.flags), ...GLOBAL_FLAGS];
}

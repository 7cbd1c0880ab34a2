/** The words of a link, explained for `tcpnet link --help`. They are netem's; sizes are not (see below). */
import type { HelpSection } from "./command-spec.ts";

export const LINK_LANGUAGE: readonly HelpSection[] = [
  {
    title: "Delay and order",
    rows: [
      ["delay TIME [JITTER [CORR%]]", "delay every packet by TIME, plus or minus up to JITTER"],
      ["jitter TIME [CORR%]", "the jitter alone; CORR%: how much it depends on the packet before"],
      ["  distribution NAME", "after a jitter: uniform (default) or normal"],
      ["  overtakes", "after a jitter: packets may overtake each other (default: they stay in order)"],
      ["reorder P% [CORR%] [gap N]", "P% of the packets skip the delay; gap N: only every Nth packet can"],
    ],
  },
  {
    title: "Loss and damage",
    rows: [
      ["loss [random] P% [CORR%]", "each packet is lost with this probability"],
      [
        "loss gemodel P% [R% [B% [G%]]]",
        "bursts (Gilbert-Elliott): P% begins one, R% ends it, B% are lost in it, G% outside",
      ],
      ["loss nth 3,7,10-12", "exactly these packets are lost, counted from 1"],
      ["loss pattern 0010", "1 is lost, 0 is not; repeated: here one packet in four"],
      ["duplicate P% [CORR%]", "the packet arrives twice"],
      ["corrupt P% [CORR%]", "one bit of the packet is flipped"],
    ],
  },
  {
    title: "Rate and queue",
    rows: [
      ["rate RATE", "bits per second; faster traffic waits in the queue"],
      ["trace FILE", "instead of a rate: a Mahimahi trace; each line is a time in ms when 1504 bytes may pass"],
      [
        "queue N|SIZE",
        "room for N packets, or for SIZE bytes (default 1000 packets); when it is full, packets are dropped; limit is another name for queue",
      ],
      [
        "codel [target TIME] [interval TIME]",
        "CoDel (RFC 8289): drop packets when the queue stays long (default target 5ms, interval 100ms)",
      ],
      ["  ecn", "after codel: mark packets instead of dropping them"],
      ["ecn N|SIZE", "mark packets while so much is waiting"],
    ],
  },
  {
    title: "Whole link",
    rows: [
      ["mtu BYTES [silent]", "drop larger packets and send an ICMP error; silent: without the error"],
      ["down 5s-7s,20s-21s [every TIME]", "nothing passes in these times, counted from now; every: they repeat"],
      ["clear", "a perfect link; more clauses may follow"],
      [
        "out … in … both …",
        "the clauses that follow apply to this direction (default: both); out is what the stack sends (with run: to the command), " +
          "or what chaos carries from its first device",
      ],
    ],
  },
  {
    title: "Units",
    rows: [
      ["TIME", "250us 20ms 1.5s 2min 1h"],
      ["RATE", "250kbit 10mbit 1gbit (powers of 1000; kibit, mibit and gibit: powers of 1024)"],
      ["SIZE", "1500B 64kB 10MB (powers of 1000), 64KiB 10MiB (powers of 1024). In tc, kb is 1024 bytes"],
    ],
  },
  {
    title: "Examples",
    commands: true,
    rows: [
      ["A home connection:", 'tcpnet link set "delay 15ms queue 100 out rate 10mbit in rate 50mbit"'],
      ["A phone on a train:", 'tcpnet link set "delay 40ms 15ms distribution normal loss gemodel 1% 20%"'],
      ["A queue that is too long (ping it):", 'tcpnet link set "delay 10ms rate 5mbit queue 1000"'],
      ["And what helps:", 'tcpnet link change "codel ecn"'],
      ["Lose the third packet that is sent:", 'tcpnet link set "out loss nth 3"'],
      ["An outage of 2 s in every 30 s:", 'tcpnet link change "down 10s-12s every 30s"'],
      ["An MTU black hole:", 'tcpnet link change "mtu 1400 silent"'],
    ],
  },
];

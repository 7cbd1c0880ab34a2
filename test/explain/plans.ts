/** Runs of many kinds, each with its seed: what is lost, when, and what limits differ from kind to kind. */
import type { Plan } from "./lab.ts";

const small = (octets: number) => ({ receiveBuffer: octets, receiveBufferMax: octets });

/** A kind of run: a plan without its seed. */
export const PLANS: readonly (readonly [string, Omit<Plan, "seed">])[] = [
  ["random losses", { link: "delay 20ms rate 20mbit queue 200 loss 1%", bytes: 1_500_000 }],
  ["a full queue", { link: "delay 15ms rate 10mbit queue 30", bytes: 2_000_000 }],
  ["few losses on a long path", { link: "delay 60ms rate 30mbit queue 500 loss 0.2%", bytes: 3_000_000 }],
  ["many losses", { link: "delay 20ms rate 10mbit queue 100 loss 5%", bytes: 400_000 }],
  ["very many losses", { link: "delay 15ms loss 15%", bytes: 150_000 }],
  ["short transfers that lose their tail", { link: "delay 20ms loss 8%", bytes: 20_000 }],
  ["the receiver's window", { link: "delay 40ms rate 100mbit queue 500", bytes: 1_500_000, params: small(65_535) }],
  [
    "the receiver's window, and losses",
    { link: "delay 20ms rate 50mbit queue 500 loss 0.5%", bytes: 1_500_000, params: small(100_000) },
  ],
  [
    "a receiver that stops reading",
    {
      link: "delay 10ms rate 20mbit queue 100",
      bytes: 1_500_000,
      params: small(120_000),
      stalls: [{ from: 200_000, to: 1_500_000 }],
    },
  ],
  [
    "a program that pauses",
    { link: "delay 20ms rate 20mbit queue 100", bytes: 500_000, pauses: { octets: 20_000, every: 150_000 } },
  ],
  [
    "a program that pauses, and losses",
    { link: "delay 20ms rate 20mbit queue 100 loss 2%", bytes: 500_000, pauses: { octets: 20_000, every: 250_000 } },
  ],
  ["overtaking", { link: "delay 20ms 5ms overtakes rate 20mbit queue 200", bytes: 1_500_000 }],
  ["overtaking and losses", { link: "delay 25ms 3ms overtakes rate 20mbit queue 200 loss 1%", bytes: 1_000_000 }],
  ["without SACK", { link: "delay 20ms rate 20mbit queue 200 loss 1%", bytes: 1_000_000, params: { sack: false } }],
  [
    "without timestamps",
    { link: "delay 20ms rate 20mbit queue 200 loss 1%", bytes: 1_000_000, params: { timestamps: false } },
  ],
  [
    "NewReno",
    { link: "delay 15ms rate 10mbit queue 40 loss 0.5%", bytes: 1_500_000, params: { congestionControl: "newreno" } },
  ],
  [
    "ACKs are lost, too",
    { link: "out delay 20ms rate 20mbit queue 200 loss 1% in delay 20ms loss 5%", bytes: 1_000_000 },
  ],
  ["copies", { link: "delay 20ms rate 20mbit queue 200 loss 1% duplicate 1%", bytes: 1_000_000 }],
  ["a delay that jumps", { link: "delay 30ms 25ms rate 10mbit queue 200", bytes: 800_000 }],
  ["a lossless path", { link: "delay 30ms rate 50mbit queue 1000", bytes: 2_000_000 }],
];

import type { Scenario } from "../sim/swarm/scenario.ts";
import { failure, runScenario } from "../sim/swarm/swarm.ts";

/** A rule that well-behaved peers never put to the test, so that no random simulation can. */
export interface Check {
  readonly name: string;
  /** What is wrong, or undefined. */
  readonly broken: () => string | undefined;
}

const SILENT = {
  bytes: 0,
  write: 1,
  writePause: 0,
  read: 65_536,
  readPause: 0,
  stallAt: 0,
  stallFor: 1_000_000,
  end: "fin-after-peer",
  abortAt: 0,
} as const;

/** One connection on which nobody says anything but the forger. */
const OVERRUN: Scenario = {
  seed: 1,
  family: 4,
  wrap: undefined,
  hops: [{ link: "delay 1ms", changes: [] }],
  left: [{ params: {}, records: 0 }],
  right: [{ params: { receiveBuffer: 500, receiveBufferMax: 500 }, records: 0 }],
  connections: [
    {
      at: 0,
      opener: "left",
      left: 0,
      right: 0,
      openerPort: 40_000,
      port: 7_000,
      simultaneous: false,
      open: SILENT,
      accept: SILENT,
      attacks: [{ at: 100_000, to: "acceptor", kind: "overrun", nonce: 99 }],
    },
  ],
  restarts: [],
};

/** The right side stops reading with its window closed; the link is dead when it says that it reads again. */
const UPDATE_LOST: Scenario = {
  ...OVERRUN,
  hops: [
    {
      link: "delay 1ms",
      changes: [
        { at: 2_000_000, link: "delay 1ms loss 100%" },
        { at: 8_000_000, link: "delay 1ms" },
      ],
    },
  ],
  connections: [
    {
      ...OVERRUN.connections[0]!,
      open: { ...SILENT, bytes: 10_000, write: 10_000, end: "fin" },
      accept: { ...SILENT, stallAt: 300, stallFor: 5_000_000 },
      attacks: [],
    },
  ],
};

export const CHECKS: readonly Check[] = [
  {
    name: "a segment longer than the window",
    broken: () => {
      const { violation } = runScenario(OVERRUN);
      return violation?.rule === "RCV.BUFF bounds what is kept" ? violation.message : undefined;
    },
  },
  {
    name: "the update of a closed window is lost",
    broken: () => {
      const report = runScenario(UPDATE_LOST);
      return failure(report) ?? (report.bytes === 10_000 ? undefined : `only ${report.bytes} octets arrived`);
    },
  },
];

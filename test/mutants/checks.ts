import type { Scenario } from "../sim/swarm/scenario.ts";
import { failure, runScenario } from "../sim/swarm/swarm.ts";
import { fastOpen, mss } from "../support/naive/tcp.ts";
import { TcpBench } from "../support/tcp-bench.ts";

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

/** A server that lets one connection begin early, and up to where it acknowledges SYNs with data and a cookie. */
function earlyServer(cookie: (right: readonly number[]) => readonly number[], knocks: number): number[] {
  const b = new TcpBench({ params: { fastOpenBacklog: 1 } }).listen();
  b.in("S", { port: 1, seq: 0, raw: [...mss(1460), ...fastOpen([])] });
  const right = b.out()[0]?.cookie ?? [];
  for (let port = 2; port < 2 + knocks; port++) {
    b.in("S", { port, seq: 0, n: 10, raw: [...mss(1460), ...fastOpen(cookie(right))] });
  }
  return b.out().map(({ ack }) => ack);
}

export const CHECKS: readonly Check[] = [
  {
    name: "a wrong Fast Open cookie",
    broken: () => {
      const [ack] = earlyServer((right) => [...right.slice(1), right[0]! ^ 1], 1);
      return ack === 1 ? undefined : `data with it was acknowledged up to ${ack}`;
    },
  },
  {
    name: "the limit of Fast Open connections",
    broken: () => {
      const acks = earlyServer((right) => right, 3);
      return `${acks}` === "11,1,1" ? undefined : `one may be pending, and three SYNs were acknowledged up to ${acks}`;
    },
  },
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

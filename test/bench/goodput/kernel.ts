/**
 * The kernel's TCP over the same link model with the same seeds: `tcpnet chaos` between two sockets of the kernel, in real time. What is measured
 * does not depend on our TCP, so it stays when the atlas is measured again. Ours is `transfer` in virtual time. Both count from the beginning.
 */
import { release } from "node:os";
import { SECOND } from "#base/time";
import { parseLinks } from "#device/link-words";
import { transfer } from "#lab/sim/transfer";
import type { BuiltInControl } from "#tcp/words/params";
import { type Namespace, withNamespace } from "../../support/netns.ts";
import { ROOT } from "../../support/root.ts";
import { until } from "../../support/waiting.ts";
import { OMITTED, type Sharing, sharedLink } from "./fairness.ts";

const SECONDS = 8;
export const SEEDS = [1, 2, 3, 4, 5] as const;
/** Larger than any window here. */
const BUFFER = 64_000_000;

const CONTROLS = { cubic: "cubic", newreno: "reno", bbr1: "bbr" } as const satisfies Partial<
  Record<BuiltInControl, string>
>;
const LINKS = [
  "delay 10ms out rate 100mbit queue 167",
  "delay 50ms out rate 100mbit queue 833 loss 0.01%",
  "delay 10ms out rate 100mbit queue 167 loss 0.1%",
  "delay 50ms out rate 20mbit queue 167 loss 1%",
] as const;

type Control = keyof typeof CONTROLS;

/** One flow over one link. */
export interface KernelRow {
  readonly cc: Control;
  readonly link: string;
  /** Mbit/s by seed. */
  readonly kernel: readonly number[];
}

/** How flows of the kernel share a bottleneck: Mbit/s of each. */
export interface KernelSharing {
  readonly cc: Control;
  readonly queue: number;
  readonly kernel: readonly number[];
}

export interface KernelFigures {
  /** `uname -r`. */
  system: string;
  readonly rows: KernelRow[];
  readonly sharing: KernelSharing[];
}

export const PATHS = LINKS.flatMap((link) => (Object.keys(CONTROLS) as Control[]).map((cc) => ({ cc, link })));
/** Flows of BBR share worst, ours as the kernel's. */
const SHARED: readonly Sharing[] = [0.5, 1, 4].map((queue) => ({ controls: ["bbr1"], flows: 10, queue }));
const SHARED_SECONDS = 30;

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Measures what is missing in `figures`, and calls `save` after each. */
export async function measureKernel(figures: KernelFigures, most: number, save: () => void): Promise<void> {
  figures.system = release();
  let left = most;
  for (const { cc, link } of PATHS) {
    if (figures.rows.some((row) => row.cc === cc && row.link === link) || left-- <= 0) continue;
    const kernel: number[] = [];
    for (const seed of SEEDS) kernel.push(...(await overChaos(CONTROLS[cc], link, seed, ["-t", `${SECONDS}`])));
    figures.rows.push({ cc, link, kernel });
    save();
  }
  for (const each of SHARED) {
    if (figures.sharing.some(({ queue }) => queue === each.queue) || left-- <= 0) continue;
    const flows = ["-P", `${each.flows}`, "-t", `${SHARED_SECONDS}`, "-O", `${OMITTED}`];
    figures.sharing.push({ cc: "bbr1", queue: each.queue, kernel: await overChaos("bbr", sharedLink(each), 1, flows) });
    save();
  }
}

/** Ours, by seed. */
export function ourGoodput(congestionControl: BuiltInControl, link: string): number[] {
  const params = [{ congestionControl, sendBuffer: BUFFER, receiveBuffer: BUFFER, receiveBufferMax: BUFFER }];
  return SEEDS.map((seed) => {
    const { flows } = transfer({
      seed,
      mtu: 1500,
      family: 4,
      flows: 1,
      direction: "there",
      bytes: Number.POSITIVE_INFINITY,
      time: SECONDS * SECOND,
      stalls: [],
      link: parseLinks(link),
      params,
    });
    return Number((flows[0]!.goodput / 1e6).toPrecision(4));
  });
}

/** One run of iperf3 through `tcpnet chaos`: Mbit/s that arrived, of each flow. */
async function overChaos(cc: string, link: string, seed: number, flags: readonly string[]): Promise<number[]> {
  return withNamespace(
    async (ns) => {
      for (const name of ["wmem", "rmem"])
        await ns.run(["sysctl", "-qw", `net.ipv4.tcp_${name}=4096 ${BUFFER / 4} ${BUFFER}`]);
      await ns.run(["sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"]);
      const text = await iperf(ns, ["-C", cc, ...flags], ["--link", link, "--seed", `${seed}`]);
      const { end } = JSON.parse(text) as {
        readonly end: { readonly streams: readonly { readonly receiver: { readonly bits_per_second: number } }[] };
      };
      return end.streams.map(({ receiver }) => Number((receiver.bits_per_second / 1e6).toPrecision(4)));
    },
    ["iperf3", "ping"],
  );
}

async function iperf(ns: Namespace, flags: readonly string[], link: readonly string[]): Promise<string> {
  const sides = ["tun0", "10.0.0.1/24", "tun1", "10.0.1.1/24"];
  const chaos = ns.spawn([process.execPath, `${ROOT}src/cli/main.ts`, "chaos", ...sides, ...link, "--keep-root"]);
  const server = ns.spawn(["iperf3", "-s", "-B", "0.0.0.0"]);
  await until(async () => (await ns.run(["ping", "-c1", "-W1", "10.0.0.2"])).code === 0);
  const { stdout } = await ns.run(["iperf3", "-c", "10.0.0.2", "-B", "10.0.0.1", "-J", ...flags], {
    timeoutMs: 90_000,
  });
  for (const child of [server, chaos]) {
    child.kill();
    await child.exited;
  }
  return stdout;
}

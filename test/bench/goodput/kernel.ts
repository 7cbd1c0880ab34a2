/**
 * The kernel's TCP beside ours, over the same link model with the same seed: `tcpnet chaos` between two sockets of the kernel, in real time, and
 * `transfer` in virtual time. Both count from the beginning.
 */
import { SECOND } from "#base/time";
import { parseLinks } from "#device/link-words";
import { transfer } from "#lab/sim/transfer";
import type { BuiltInControl } from "#tcp/words/params";
import { type Namespace, withNamespace } from "../../support/netns.ts";
import { ROOT } from "../../support/root.ts";
import { until } from "../../support/waiting.ts";

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

export interface KernelRow {
  readonly cc: string;
  readonly link: string;
  /** Mbit/s by seed. */
  readonly ours: readonly number[];
  readonly kernel: readonly number[];
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The cells that are not in `known`, one by one. */
export async function* kernelRows(known: readonly KernelRow[]): AsyncGenerator<KernelRow> {
  for (const link of LINKS) {
    for (const cc of Object.keys(CONTROLS) as (keyof typeof CONTROLS)[]) {
      if (known.some((row) => row.cc === cc && row.link === link)) continue;
      const kernel: number[] = [];
      for (const seed of SEEDS) kernel.push(await kernelGoodput(CONTROLS[cc], link, seed));
      yield { cc, link, ours: ourGoodput(cc, link), kernel };
    }
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

async function kernelGoodput(cc: string, link: string, seed: number): Promise<number> {
  return withNamespace(
    async (ns) => {
      for (const name of ["wmem", "rmem"])
        await ns.run(["sysctl", "-qw", `net.ipv4.tcp_${name}=4096 ${BUFFER / 4} ${BUFFER}`]);
      await ns.run(["sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"]);
      const goodput = await overChaos(ns, cc, ["--link", link, "--seed", `${seed}`]);
      return Number((goodput / 1e6).toPrecision(4));
    },
    ["iperf3", "ping"],
  );
}

/** One run of iperf3 through `tcpnet chaos`: bits per second that arrived. */
async function overChaos(ns: Namespace, cc: string, link: readonly string[]): Promise<number> {
  const sides = ["tun0", "10.0.0.1/24", "tun1", "10.0.1.1/24"];
  const chaos = ns.spawn([process.execPath, `${ROOT}src/cli/main.ts`, "chaos", ...sides, ...link, "--keep-root"]);
  const server = ns.spawn(["iperf3", "-s", "-B", "0.0.0.0"]);
  await until(async () => (await ns.run(["ping", "-c1", "-W1", "10.0.0.2"])).code === 0);
  const client = ["iperf3", "-c", "10.0.0.2", "-B", "10.0.0.1", "-C", cc, "-t", `${SECONDS}`, "-J"];
  const { stdout } = await ns.run(client);
  for (const child of [server, chaos]) {
    child.kill();
    await child.exited;
  }
  const { end } = JSON.parse(stdout) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return end.sum_received.bits_per_second;
}

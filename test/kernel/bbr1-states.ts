/**
 * What BBR v1 does over 25 s of one link, sampled each 20 ms or so: gains, bandwidth, cwnd and pacing rate. The kernel's are recorded with `ss`, which
 * shows TCP_CC_INFO and tcp_info of one instant, through `tcpnet chaos`; ours are those of a simulation. The recording is kept, because it needs a
 * machine that does nothing else:
 *
 *     bun test/kernel/bbr1-states.ts       writes bbr1-states.json; needs root, iperf3 and ss
 */
import { writeFileSync } from "node:fs";
import { SECOND } from "#base/time";
import { parseLinks } from "#device/link-words";
import { parseAddress } from "#ip/address";
import { FlowEnd } from "#lab/sim/flow";
import { SimHost } from "#lab/sim/host";
import { Simulation } from "#lab/sim/simulation";
import { Stack } from "#stack/stack";
import { withNamespace } from "../support/netns.ts";
import { ROOT } from "../support/root.ts";
import { until } from "../support/waiting.ts";

export const RECORDING = `${ROOT}test/kernel/bbr1-states.json`;
export const LINK = "delay 20ms out rate 10mbit queue 200";
export const SECONDS = 25;

/** One instant: time since data began, ms; gains; bandwidth, bit/s; cwnd, segments; pacing rate, bit/s; shortest round trip, ms. */
export interface Sample {
  readonly t: number;
  readonly pacingGain: number;
  readonly cwndGain: number;
  readonly bandwidth: number;
  readonly cwnd: number;
  readonly pacingRate: number;
  readonly minRtt: number;
}

const LOOP = `while :; do echo "at $(date +%s%N)"; ss -tinOH dst 10.0.0.2; sleep .015; done`;

/** The kernel's, in real time. */
async function recordKernel(): Promise<Sample[]> {
  return withNamespace(
    async (ns) => {
      const sides = ["tun0", "10.0.0.1/24", "tun1", "10.0.1.1/24"];
      const main = `${ROOT}src/cli/main.ts`;
      const chaos = ns.spawn([process.execPath, main, "chaos", ...sides, "--link", LINK, "--seed", "1", "--keep-root"]);
      await until(async () => (await ns.run(["ping", "-c1", "-W1", "10.0.0.2"])).code === 0);
      const server = ns.spawn(["iperf3", "-s"]);
      const reader = ns.spawn(["sh", "-c", LOOP]);
      const text = new Response(reader.stdout).text();
      await ns.run(["iperf3", "-c", "10.0.0.2", "-B", "10.0.0.1", "-C", "bbr", "-t", `${SECONDS}`]);
      for (const child of [reader, server, chaos]) {
        child.kill();
        await child.exited;
      }
      return samplesIn(await text);
    },
    ["iperf3", "ping", "ss"],
  );
}

/** Reads what the loop printed: of the connection that sent most, the samples from its first data on. */
export function samplesIn(text: string): Sample[] {
  const samples: Sample[] = [];
  let at = 0;
  let began = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("at ")) at = Number(line.slice(3)) / 1e6;
    const read = (name: string) => Number(new RegExp(`${name}[: ]([\\d.]+)`).exec(line)?.[1] ?? Number.NaN);
    if (!line.includes("bbr:(") || !(read("bytes_sent") > 10_000)) continue;
    if (began === 0) began = at;
    const [pacingGain, cwndGain, bandwidth] = [read("pacing_gain"), read("cwnd_gain"), read("bw")];
    samples.push({
      ...{ t: Math.round(at - began), pacingGain, cwndGain, bandwidth },
      ...{ cwnd: read("cwnd"), pacingRate: read("pacing_rate"), minRtt: read("mrtt") },
    });
  }
  return samples;
}

/** Ours, in virtual time. */
export function ourSamples(seed: number): Sample[] {
  const sim = new Simulation({ seed });
  const { out, in: back } = parseLinks(LINK);
  const make = (name: string, address: string) => {
    const offload = { checksum: true, tso4: false, tso6: false };
    return new SimHost(sim, name, new Stack({ mtu: 1500, addresses: [parseAddress(address)!], offload, seed }));
  };
  const [left, right] = [make("left", "10.0.0.1"), make("right", "10.0.1.1")];
  sim.connect(left.node, right.node, { there: out, back, isTrusted: true });
  const params = { congestionControl: "bbr1", sendBuffer: 1e7, receiveBuffer: 1e7, receiveBufferMax: 1e7 } as const;
  const end = (host: SimHost, bytes: number) =>
    new FlowEnd({ bytes, stalls: [] }, sim, host.stack, () => host.node.wake());
  const reading = end(right, 0);
  right.listen(7000, () => reading, { params });
  const sender = end(left, Number.POSITIVE_INFINITY);
  left.connect(parseAddress("10.0.1.1")!, 7000, sender, { params });
  const samples: Sample[] = [];
  sim.run({ until: 50_000 });
  const began = sim.now;
  while (sim.now < began + SECONDS * SECOND) {
    const { control, cwnd, mss, pacingRate } = sender.info!;
    samples.push({
      t: (sim.now - began) / 1000,
      pacingGain: Number(control.pacingGain),
      cwndGain: Number(control.cwndGain),
      bandwidth: Number(control.bandwidth) * 8,
      cwnd: Math.floor(cwnd / mss),
      pacingRate: pacingRate * 8,
      minRtt: Number(control.minRtt) / 1000,
    });
    sim.run({ until: sim.now + 20_000 });
  }
  return samples;
}

if (import.meta.main) {
  const samples = await recordKernel();
  const rows = samples.map(({ t, pacingGain, cwndGain, bandwidth, cwnd, pacingRate, minRtt }) =>
    JSON.stringify([t, pacingGain, cwndGain, bandwidth, cwnd, pacingRate, minRtt]),
  );
  writeFileSync(RECORDING, `[\n${rows.join(",\n")}\n]\n`);
}

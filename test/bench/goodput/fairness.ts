/** How flows share a bottleneck: several of one kind, BBR beside CUBIC, and round trips of different length. */
import { SECOND } from "#base/time";
import { CLEAR_LINK } from "#device/link-profile";
import { parseLinks } from "#device/link-words";
import { parseAddress } from "#ip/address";
import { FlowEnd } from "#lab/sim/flow";
import { SimHost } from "#lab/sim/host";
import { Simulation } from "#lab/sim/simulation";
import { transfer } from "#lab/sim/transfer";
import { Stack } from "#stack/stack";
import type { BuiltInControl, TcpSettings } from "#tcp/words/params";

const RATE = 50;
const RTT = 40;
/** The bandwidth-delay product, packets. */
const PRODUCT = Math.round((RATE * RTT * 1000) / 8 / 1500);
export const SECONDS = 60;
export const OMITTED = 15;
const BUFFER = 16e6;

/** Jain's index: 1 if all have the same, 1/n if one has all. */
export function jain(rates: readonly number[]): number {
  const sum = rates.reduce((a, b) => a + b, 0);
  return sum ** 2 / (rates.length * rates.reduce((a, b) => a + b * b, 0));
}

const paramsOf = (congestionControl: BuiltInControl): TcpSettings => ({
  congestionControl,
  sendBuffer: BUFFER,
  receiveBuffer: BUFFER,
  receiveBufferMax: BUFFER,
});

export interface Sharing {
  readonly controls: readonly BuiltInControl[];
  readonly flows: number;
  /** Bandwidth-delay products. */
  readonly queue: number;
}

const queueOf = ({ queue }: Sharing) => Math.round(queue * PRODUCT);
export const sharedLink = (sharing: Sharing) => `delay ${RTT / 2}ms out rate ${RATE}mbit queue ${queueOf(sharing)}`;

export function sharingCommand(sharing: Sharing): string {
  const flows = `--flows ${sharing.flows} --cc ${sharing.controls.join(",")}`;
  return `sim ${flows} --link "${sharedLink(sharing)}" --time ${SECONDS}s --omit ${OMITTED}s --seed 1`;
}

/** Mbit/s of each flow; they begin together. Flow i has the controller i, modulo their number. */
export function share(sharing: Sharing, seconds = SECONDS): number[] {
  const { flows } = transfer({
    seed: 1,
    mtu: 1500,
    family: 4,
    flows: sharing.flows,
    direction: "there",
    bytes: Number.POSITIVE_INFINITY,
    time: seconds * SECOND,
    omit: OMITTED * SECOND,
    stalls: [],
    link: parseLinks(sharedLink(sharing)),
    params: sharing.controls.map(paramsOf),
  });
  return flows.map(({ goodput }) => goodput / 1e6);
}

/**
 * Mbit/s of flows with round trips of their own (ms) through one bottleneck: each has two hosts, joined by two routers, and its delay is between
 * its sender and the first of them.
 */
export function shareUnequal(cc: BuiltInControl, rtts: readonly number[], queue: number): number[] {
  const sim = new Simulation({ seed: 1 });
  const [near, far] = [sim.router("near"), sim.router("far")];
  const bottleneck = {
    ...CLEAR_LINK,
    rate: RATE * 1e6,
    queue: { ...CLEAR_LINK.queue, packets: Math.round(queue * PRODUCT) },
  };
  const middle = sim.connect(near, far, { there: bottleneck, isTrusted: true });
  const receivers = rtts.map((rtt, i) => {
    const make = (name: string, address: string, seed: number) => {
      const offload = { checksum: true, tso4: false, tso6: false };
      const limits = { memory: 4 * BUFFER };
      return new SimHost(
        sim,
        name,
        new Stack({ mtu: 1500, addresses: [parseAddress(address)!], offload, limits, seed }),
      );
    };
    const sender = make(`sender${i}`, `10.1.${i}.1`, 2 * i + 1);
    const receiver = make(`receiver${i}`, `10.2.${i}.1`, 2 * i + 2);
    const delay = { ...CLEAR_LINK, delay: rtt * 500 };
    const access = sim.connect(sender.node, near, { there: delay, back: delay, isTrusted: true });
    const exit = sim.connect(far, receiver.node, { isTrusted: true });
    near.routes.add(`10.1.${i}.0/24`, access.back);
    near.routes.add(`10.2.${i}.0/24`, middle.there);
    far.routes.add(`10.2.${i}.0/24`, exit.there);
    far.routes.add(`10.1.${i}.0/24`, middle.back);
    const end = (host: SimHost, bytes: number) =>
      new FlowEnd({ bytes, stalls: [] }, sim, host.stack, () => host.node.wake());
    const read = end(receiver, 0);
    receiver.listen(7000, () => read, { params: paramsOf(cc) });
    sender.connect(parseAddress(`10.2.${i}.1`)!, 7000, end(sender, Number.POSITIVE_INFINITY), { params: paramsOf(cc) });
    return read;
  });
  sim.run({ until: OMITTED * SECOND });
  const before = receivers.map(({ received }) => received);
  sim.run({ until: SECONDS * SECOND });
  return receivers.map(({ received }, i) => ((received - before[i]!) * 8) / (SECONDS - OMITTED) / 1e6);
}

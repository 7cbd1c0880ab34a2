import { pair } from "#device/pair";
import { nodeDgram } from "#node/dgram";
import { nodeFetch } from "#node/fetch";
import { nodeNet } from "#node/net";
import { createStack } from "#socket/create-stack";
import type { Ground, Net } from "./ground.ts";

/** Two stacks on a wire, each with its `net`. */
export async function ours(): Promise<Ground> {
  const [a, b] = pair({ queueLength: 5_000 });
  const limits = { memory: 16 << 20 };
  const host = await createStack({ device: a, address: ["10.0.0.7/24", "10.0.0.8/24"], limits });
  const peer = await createStack({ device: b, address: "10.0.0.5/24", limits });
  const ourFetch = nodeFetch(peer);
  return {
    name: "tcpnet/node",
    fetch: ourFetch as unknown as typeof fetch,
    net: nodeNet(host) as unknown as Net,
    peer: nodeNet(peer) as unknown as Net,
    dgram: nodeDgram(host) as unknown as Ground["dgram"],
    peerDgram: nodeDgram(peer) as unknown as Ground["dgram"],
    host: "10.0.0.7",
    otherHost: "10.0.0.8",
    foreign: "192.0.2.1",
    async close() {
      ourFetch.close();
      await host.close();
      await peer.close();
    },
  };
}

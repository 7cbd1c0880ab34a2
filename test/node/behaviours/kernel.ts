import dgram from "node:dgram";
import net from "node:net";
import type { Ground } from "./ground.ts";

/** This runtime's `node:net` over loopback. */
export async function kernel(): Promise<Ground> {
  return {
    name: "node:net",
    fetch,
    net,
    peer: net,
    dgram,
    peerDgram: dgram,
    host: "127.0.0.1",
    otherHost: "127.0.0.2",
    foreign: "192.0.2.1",
    async close() {},
  };
}

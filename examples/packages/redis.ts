/** Redis by the package `ioredis` over a TUN device, which is made as for postgres.ts. The server must listen on 10.0.0.1. */
import { AbstractConnector, Redis } from "ioredis";
import { createStack } from "tcpnet";
import { nodeNet } from "tcpnet/node";
import { openTun } from "tcpnet/tun";

const device = openTun({ name: "tun0", create: false });
const stack = await createStack({ device, address: "10.0.0.7/24", kernelAddress: "10.0.0.1" });
const net = nodeNet(stack);

class Connector extends AbstractConnector {
  connect = async () => (this.stream = net.connect(6379, "10.0.0.1"));
}

const redis = new Redis({ Connector });
await redis.set("greeting", "hello");
const counts = await Promise.all(Array.from({ length: 1000 }, () => redis.incr("count")));
console.log(await redis.get("greeting"), counts.at(-1));
console.log(/addr=(\S+):/.exec(await redis.client("INFO"))[1]);
await redis.quit();
await stack.close();

/**
 * PostgreSQL by the package `pg` over a TUN device: the kernel sees a host 10.0.0.7, whose TCP is this program's. In a project with `pg` and `tcpnet`:
 *
 *     sudo ip tuntap add tun0 mode tun user $USER
 *     sudo ip addr add 10.0.0.1/24 dev tun0 && sudo ip link set tun0 up
 *     bun postgres.ts
 *
 * The server must listen on 10.0.0.1 and let 10.0.0.7 in (`pg_hba.conf`).
 */
import { Client } from "pg";
import { createStack } from "tcpnet";
import { nodeNet } from "tcpnet/node";
import { openTun } from "tcpnet/tun";

const device = openTun({ name: "tun0", create: false });
const stack = await createStack({ device, address: "10.0.0.7/24", kernelAddress: "10.0.0.1" });
const net = nodeNet(stack);

const client = new Client({ host: "10.0.0.1", user: "postgres", stream: () => new net.Socket() });
await client.connect();
const { rows } = await client.query("select inet_client_addr() as me, split_part(version(), ' ', 1) as server");
console.log(`${rows[0].server} sees ${rows[0].me}`);

const { rows: many } = await client.query("select repeat('x', 1000) as x from generate_series(1, 5000)");
const [{ bytesReceived, mss }] = stack.connections();
console.log(`${many.length} rows, more than ${Math.floor(bytesReceived / 1e6)} MB in segments of ${mss} octets`);
await client.end();
await stack.close();

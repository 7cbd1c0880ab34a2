/** MariaDB or MySQL by the package `mysql2` over a TUN device, which is made as for postgres.ts. The server must listen on 10.0.0.1. */
import { createConnection } from "mysql2/promise";
import { createStack } from "tcpnet";
import { nodeNet } from "tcpnet/node";
import { openTun } from "tcpnet/tun";

const device = openTun({ name: "tun0", create: false });
const stack = await createStack({ device, address: "10.0.0.7/24", kernelAddress: "10.0.0.1" });
const net = nodeNet(stack);

const socket = net.connect(3306, "10.0.0.1");
const connection = await createConnection({ user: "root", stream: () => socket });
const [[{ version }]] = await connection.query("select version() as version");
console.log(`${/MariaDB/.test(version) ? "MariaDB" : "MySQL"} answers ${socket.localAddress}`);
const numbers = "with recursive n as (select 1 as i union all select i + 1 from n where i < 900)";
const [rows] = await connection.query(`${numbers} select repeat('x', 2000) as x from n`);
console.log(`${rows.length} rows`);
await connection.end();
await stack.close();

/**
 * Two stacks in one program, joined by a pair of devices in memory, and an echo between them: the same TCP as over a real network.
 * Runs wherever JavaScript does: `bun examples/echo.ts`, `node examples/echo.ts`, `deno run examples/echo.ts`.
 */
import { createStack, pair } from "tcpnet";

const [left, right] = pair();
const server = await createStack({ device: left, address: "10.0.0.7/24" });
const client = await createStack({ device: right, address: "10.0.0.5/24" });

// The fast way: handlers, as Bun.listen has them. `bytes` is a view that is good during the call; `write` copies it.
server.listen({
  port: 7,
  socket: {
    data: (socket, bytes) => socket.write(bytes),
    end: (socket) => socket.closeWrite(),
  },
});

// The convenient way: web streams.
const socket = client.connect("10.0.0.7:7");
const writer = socket.writable.getWriter();
await writer.write(new TextEncoder().encode("hello over TCP"));
await writer.close();

const decoder = new TextDecoder();
let text = "";
for await (const chunk of socket.readable) text += decoder.decode(chunk, { stream: true });
console.log(text);

const { state, rtt } = socket.info();
console.log(state, rtt < 1_000_000);
await Promise.all([client.close(), server.close()]);

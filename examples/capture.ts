/**
 * Captures the packets of a connection as pcapng, for Wireshark: `bun examples/capture.ts > echo.pcapng`, or with `node`. In a browser, make
 * a Blob of the chunks and offer it as a download.
 */
import { writeSync } from "node:fs";
import { createStack, pair } from "tcpnet";
import { CaptureChunks, CaptureDevice } from "tcpnet/pcap";

const STDOUT = 1;

const [left, right] = pair();
const capture = new CaptureChunks((chunk) => writeSync(STDOUT, chunk), { name: "client" });
const server = await createStack({ device: left, address: "10.0.0.7/24" });
const client = await createStack({ device: new CaptureDevice(right, capture), address: "10.0.0.5/24" });

server.listen({
  port: 7,
  socket: { data: (socket, bytes) => socket.write(bytes), end: (socket) => socket.closeWrite() },
});
const socket = client.connect("10.0.0.7:7");
socket.write(new TextEncoder().encode("hello"));
socket.closeWrite();
await socket.closed;
// One after the other: the client's last ACK is still on its way to the server.
await client.close();
await server.close();
console.error(`${capture.packets} packets`);

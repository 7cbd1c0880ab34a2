/** Takes what comes on port 5001, and answers each octet on port 5002. A line on standard input is answered with its figures, as JSON. */
import { openTun } from "#device/tun";
import { createStack } from "#socket/create-stack";
import { DEFAULT_LIMITS } from "#stack/limits";

const stack = await createStack({
  device: openTun({
    name: "tun0",
    prefix: { address: Uint8Array.of(10, 0, 0, 1), length: 24 },
    filter: process.env.FILTER !== "0",
  }),
  address: "10.0.0.7/24",
  kernelAddress: "10.0.0.1",
  limits: { answerRate: Number(process.env.ANSWER_RATE ?? DEFAULT_LIMITS.answerRate) },
});
let octets = 0;
stack.listen({
  port: 5001,
  socket: {
    data(_, bytes) {
      octets += bytes.length;
      return undefined;
    },
  },
});
stack.listen({
  port: 5002,
  socket: { data: (socket, bytes) => socket.write(bytes), end: (socket) => socket.closeWrite() },
});
console.log("ready");
process.stdin
  .on("data", () => {
    console.log(
      JSON.stringify({ at: performance.now(), octets, rss: process.memoryUsage.rss(), counters: stack.counters() }),
    );
  })
  .on("end", () => process.exit(0));

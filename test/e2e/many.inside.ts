/** Opens N connections of the kernel's at once, sends each its own bytes, and counts those that came back whole. */
import { connect } from "node:net";

const [host, port, count, size] = process.argv.slice(2) as [string, string, string, string];
const total = Number(count);

/** Resolves to whether everything came back. */
function one(i: number): Promise<boolean> {
  const sent = Buffer.alloc(Number(size), i & 0xff);
  const back: Buffer[] = [];
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => socket.end(sent));
    socket.on("data", (bytes: Buffer) => back.push(bytes));
    socket.on("end", () => resolve(Buffer.concat(back).equals(sent)));
    socket.on("error", () => resolve(false));
  });
}

const whole = await Promise.all(Array.from({ length: total }, (_, i) => one(i)));
console.log(`${whole.filter(Boolean).length} of ${total} whole`);
process.exit(0);

/** A device of the application that throws does not stop the stack. */
import { expect, test } from "bun:test";
import { ROOT } from "../support/root.ts";

/** A program that goes on after an uncaught exception, as servers and test runners do. */
const program = (broken: string) => `
import { createStack, pair } from "${ROOT}src/index.ts";
const seen = new Set();
process.on("uncaughtException", ({ message }) => seen.add(message));
const [a, b] = pair();
let isBroken = true;
const device = {
  name: "mine", mtu: 1500, queueLength: 500, offload: a.offload, wakeable: a.wakeable,
  attach: (memory) => a.attach(memory),
  nextDeadline: () => a.nextDeadline(),
  close: () => a.close(),
  receive: (packet, now) => a.receive(packet, now),
  transmit: (packet, now) => a.transmit(packet, now),
};
const whole = device.${broken};
device.${broken} = (packet, now) => {
  if (isBroken) throw new Error("${broken} broke");
  return whole(packet, now);
};
const mine = await createStack({ device, address: "10.0.0.7/24" });
const peer = await createStack({ device: b, address: "10.0.0.5/24" });
peer.listen({ port: 7 });
const { code } = await mine.connect("10.0.0.5:7", { timeout: 100 }).opened.catch((error) => error);
isBroken = false;
const { mss } = await mine.connect("10.0.0.5:7").opened;
await Promise.all([mine.close(), peer.close()]);
console.log(code, mss, ...seen);
`;

test.each(["transmit", "receive"])(
  "that %s throws is an uncaught exception; its packet is lost, timers and later packets are not",
  async (broken) => {
    const child = Bun.spawn([process.execPath, "-e", program(broken)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([await child.exited, out.trim(), err]).toEqual([0, `ETIMEDOUT 1448 ${broken} broke`, ""]);
  },
);

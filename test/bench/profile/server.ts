/**
 * A server of one layer, for `profile.ts`: it takes what comes, and closes when the other side has. `stack` is the engine and the driver
 * alone, `socket` the library's handlers above them.
 */
import { openTun } from "#device/tun";
import { Driver } from "#driver/driver";
import { parseAddress } from "#ip/address";
import { createStack } from "#socket/create-stack";
import { takeEvents } from "#stack/connection";
import { Stack } from "#stack/stack";
import { PassiveOpen } from "#tcp/words/passive-open";
import { CLOSED, MAY_RECEIVE, TIME_WAIT } from "#tcp/words/state";

const ADDRESS = "10.0.0.7";
const PORT = 5001;
const BACKLOG = 1024;
const LIMITS = { connections: 200_000 };
const tun = () => openTun({ name: "tun0", prefix: { address: Uint8Array.of(10, 0, 0, 1), length: 24 } });

function stackAlone(): void {
  const device = tun();
  const { mtu, offload } = device;
  const stack = new Stack({ addresses: [parseAddress(ADDRESS)!], mtu, offload, seed: 1, limits: LIMITS });
  const driver = new Driver(stack, device);
  const listener = stack.listen(PORT, { backlog: BACKLOG });
  driver.onEvents = () => {
    for (let next = stack.nextEvent(); next !== undefined; next = stack.nextEvent()) {
      if (next instanceof PassiveOpen) while (stack.accept(listener) !== null);
      else {
        takeEvents(next);
        if ((next.state & (TIME_WAIT | CLOSED)) !== 0) stack.release(next);
        else if ((next.state & MAY_RECEIVE) === 0) stack.closeSend(next, driver.now());
      }
    }
    driver.wake();
  };
  driver.start();
}

async function sockets(): Promise<void> {
  const stack = await createStack({
    device: tun(),
    address: `${ADDRESS}/24`,
    kernelAddress: "10.0.0.1",
    limits: LIMITS,
  });
  stack.listen({
    port: PORT,
    backlog: BACKLOG,
    socket: { data: () => undefined, end: (socket) => socket.closeWrite() },
  });
}

if (process.argv[2] === "stack") stackAlone();
else await sockets();
console.error("waiting");
// The profile is written when the program ends by itself.
process.stdin.on("end", () => process.exit(0)).resume();

/** Run by tests inside a namespace: answers pings to 10.0.N.7 on a TUN device of its own for each N that is named. */
import { openTun } from "#device/tun";
import { Driver } from "#driver/driver";
import { EchoEngine } from "./echo-engine.ts";

for (const n of process.argv.slice(2).map(Number)) {
  const device = openTun({ name: `tun${n}`, prefix: { address: Uint8Array.of(10, 0, n, 1), length: 24 } });
  const driver = new Driver(new EchoEngine(), device);
  driver.onGone = () => console.log(`tun${n} is gone`);
  driver.start();
}

/** From the first SIGUSR1 on: how late a timer of the program's own is at most, in ms; printed at the next. */
let worst = -1;
let last = 0;
process.on("SIGUSR1", () => {
  if (worst >= 0) console.log(`worst ${worst.toFixed(1)}`);
  else setInterval(look, 10);
  worst = 0;
  last = performance.now();
});

function look(): void {
  const now = performance.now();
  worst = Math.max(worst, now - last - 10);
  last = now;
}

// From here on signals are heard.
console.log("ready");

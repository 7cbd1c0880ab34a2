/**
 * What an ACK costs the sender, at windows of 10 to 100,000 segments: in reads of the scoreboard's arrays, and in time.
 *
 *     bun test/bench/ack-cost.ts [ARRIVALS]
 */
import { AckClock, type Path } from "../support/ack-clock.ts";

const ARRIVALS = Number(process.argv[2] ?? 100_000);
const WINDOWS = [10, 100, 1000, 10_000, 100_000];
const PATHS: readonly Path[] = ["clean", "loss", "reordering"];

console.log("                    reads per ACK, ns per ACK (segments in flight)");
for (const path of PATHS) {
  for (const window of WINDOWS) {
    const timed = new AckClock(window, path);
    timed.warmUp(Math.max(ARRIVALS, window));
    const { ns, flight, resent } = timed.run(Math.max(ARRIVALS, 2 * window), false);
    const counted = new AckClock(window, path);
    counted.warmUp(window);
    const { steps } = counted.run(Math.max(5000, 2 * window));
    const row = [path.padEnd(12), String(window).padStart(8), steps.toFixed(1).padStart(12), ns.toFixed(0).padStart(9)];
    console.log(`${row.join("")}   (${flight.toFixed(0)}; ${resent} resent)`);
  }
}

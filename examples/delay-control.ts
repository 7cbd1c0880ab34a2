/**
 * A congestion control of one's own, in the manner of TCP Vegas (Brakmo, Peterson, 1995): cwnd grows while fewer than two segments wait in queues,
 * and shrinks while more than four do.
 *
 * `src/cli/tcpnet.sh sim --cc examples/delay-control.ts` simulates it. In a program, import this file; then
 * `connect("10.0.0.1:80", { cc: "delay" })` or `listen({ port: 80, cc: "delay" })` uses it.
 */
import { type AckEvent, type Controller, type ControllerKind, type Flow, registerController } from "../src/index.ts";

const FEW = 2;
const MANY = 4;

class DelayControl implements Controller {
  #roundEnds = 0;
  #isSlowStart = true;
  #waiting = 0;

  onAck(flow: Flow, { acked, rtt }: AckEvent): void {
    if (rtt > 0) this.#waiting = flow.cwnd * (1 - flow.minRtt / rtt);
    if (this.#isSlowStart) {
      if (this.#waiting <= FEW) flow.cwnd += acked;
      else this.#isSlowStart = false;
      return;
    }
    // Once in a round trip: one ends when as many segments were delivered as were in flight when it began.
    if (flow.delivered < this.#roundEnds) return;
    this.#roundEnds = flow.delivered + flow.inFlight;
    if (this.#waiting < FEW) flow.cwnd += 1;
    else if (this.#waiting > MANY) flow.cwnd -= 1;
  }

  onCongestion(flow: Flow): void {
    this.#isSlowStart = false;
    flow.cwnd = Math.max(flow.cwnd / 2, 2);
  }

  details() {
    return { waiting: this.#waiting, isSlowStart: this.#isSlowStart };
  }
}

const delay: ControllerKind = { name: "delay", create: () => new DelayControl() };

registerController(delay);
export default delay;

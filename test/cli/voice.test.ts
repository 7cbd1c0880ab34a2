import { expect, test } from "bun:test";
import { tellTo } from "#cli/packet-teller";
import { Voice } from "#cli/voice";
import { jsonLine, type RunEvent } from "#observe/events";

test("an event has the same time in --json as in an event file, also between two microseconds", () => {
  const lines: string[] = [];
  const voice = new Voice("json", (line) => lines.push(line), 0);
  const teller = tellTo(voice, { decisions: true });
  // 124.5 µs as seconds and back is less than 124.5.
  const lost: RunEvent = {
    event: "recovery:packet_lost",
    time: 124.5,
    who: "peer",
    connection: 1,
    cause: "tcp.tx.fast-retransmit",
    seq: 1,
    length: 1_448,
  };
  teller.event(lost);
  const { t } = JSON.parse(lines[0]!) as { t: number };
  expect(t).toBe((JSON.parse(jsonLine(lost)) as { t: number }).t);
  expect(t).toBe(0.000125);
});

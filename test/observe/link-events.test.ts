import { expect, test } from "bun:test";
import type { RunEvent } from "#observe/events";
import type { PacketFields } from "#observe/packet-fields";
import { simulate } from "../support/transfer.ts";

type Packet = PacketFields & { readonly time: number };

function record(link: string, bytes = 400_000): RunEvent[] {
  const events: RunEvent[] = [];
  simulate({ link, bytes, time: Number.POSITIVE_INFINITY, seed: 5, sink: { event: (event) => events.push(event) } });
  return events;
}

test("every packet is offered once, with the stack's own words for it, and each has one fate", () => {
  const events = record("delay 10ms 2ms loss 3% duplicate 2% rate 20mbit queue 20");
  for (const who of ["left>right", "right>left"]) {
    const link = events.filter((event): event is RunEvent & { packet: number } => event.who === who);
    const of = (name: string) => link.filter(({ event }) => event === name).map(({ packet }) => packet);
    const offered = of("link:packet_offered");
    expect(offered).toEqual(offered.map((_, i) => i + 1));
    const fates = [...new Set(of("link:packet_delivered")), ...of("link:packet_dropped")].sort((a, b) => a - b);
    expect(fates).toEqual(offered);
    expect(of("link:packet_delivered").length - new Set(of("link:packet_delivered")).size).toBe(
      of("link:packet_duplicated").length,
    );
  }
  const sent = events.filter(({ event }) => event === "transport:packet_sent") as unknown as Packet[];
  const offered = events.filter(({ event }) => event === "link:packet_offered") as unknown as Packet[];
  const words = ({ time, seq, length, flags, ack, window, sack }: Packet) =>
    JSON.stringify([time, seq, length, flags, ack, window, sack]);
  expect(offered.map(words)).toEqual(sent.map(words));
});

test("what a stack did before the link comes before it in the record", () => {
  const events = record("delay 10ms loss 1%");
  const times = events.map(({ time }) => time);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (const [i, event] of events.entries()) {
    if (event.event === "link:packet_offered") expect(events[i - 1]!.event).toBe("transport:packet_sent");
  }
});

test("a packet that waits says how many are before it", () => {
  const queues = record("delay 5ms rate 5mbit queue 30").flatMap((event) =>
    event.event === "link:packet_offered" ? [event.queue] : [],
  );
  expect(Math.max(...queues)).toBe(30);
  expect(Math.min(...queues)).toBe(0);
});

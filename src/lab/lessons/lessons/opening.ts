/** Lessons about how connections begin. */
import { duration } from "#report/verdict/text";
import type { Lesson } from "../lesson.ts";
import { PORT } from "../scene.ts";

export const HANDSHAKE: Lesson = {
  name: "handshake",
  title: "the three-way handshake",
  question:
    "Two hosts are 20 ms apart. How many segments pass before the first byte of data, when does each side consider the " +
    "connection open, and why is the first byte number 1 and not number 0?",
  scenes: [
    {
      name: "handshake",
      link: "delay 20ms",
      play: (scene) => void scene.transfer(100),
    },
  ],
  pictures: [{ kind: "ladder", span: () => [0, 80_000] }],
  answer:
    "SYN, SYN ACK, ACK: each side sends its initial sequence number and has it acknowledged. A SYN takes one number of the sequence " +
    "space, so that it can be acknowledged and retransmitted like data: data begins at 1. The side that connects is open after one round " +
    "trip and may send at once; the other side is open half a round trip later, when the ACK arrives. What both can do (MSS, window scale, " +
    "SACK, timestamps) is only negotiated in the two SYNs.",
  claims: [
    {
      says: ([e]) => `The opener is ESTABLISHED after ${duration(e.entered("left", "ESTABLISHED"))}: one round trip.`,
      holds: ([e]) => Math.abs(e.entered("left", "ESTABLISHED") - 40_000) < 1_000,
    },
    {
      says: ([e]) =>
        `The other side is ESTABLISHED after ${duration(e.entered("right", "ESTABLISHED"))}: half a round trip later.`,
      holds: ([e]) => Math.abs(e.entered("right", "ESTABLISHED") - 60_000) < 1_000,
    },
    {
      says: () => "SYN has number 0, SYN ACK acknowledges 1, and the first byte of data is number 1.",
      holds: ([e]) => {
        const [synAck] = e.received("left");
        const data = e.first(e.sent("left").filter(({ length }) => length > 0));
        return e.sent("left")[0]!.seq === 0 && synAck!.ack === 1 && data.seq === 1;
      },
    },
    {
      says: () => "MSS and window scale are in the two SYNs and in no other segment.",
      holds: ([e]) =>
        [...e.sent("left"), ...e.sent("right")].every(
          ({ flags, mss, windowScale }) => flags.includes("SYN") === (mss !== undefined && windowScale !== undefined),
        ),
    },
  ],
  sections: ["RFC 9293 §3.5 (establishing a connection)", "RFC 9293 §3.7.1 (MSS)", "RFC 7323 §2 (window scale)"],
};

export const SIMULTANEOUS: Lesson = {
  name: "simultaneous",
  title: "simultaneous open and close",
  question:
    "Both hosts connect to each other at the same moment, and later both close at the same moment. Is that two connections or one? " +
    "Which states does nobody see in ordinary life?",
  scenes: [
    {
      name: "simultaneous",
      link: "delay 20ms",
      play: (scene) => {
        const a = scene.connect(scene.left, {}, PORT, PORT + 1);
        const b = scene.connect(scene.right, {}, PORT + 1, PORT);
        scene.at(200, () => a.close());
        scene.at(200, () => b.close());
      },
    },
  ],
  pictures: [{ kind: "ladder" }],
  answer:
    "It is one connection: a connection is its two pairs of address and port, whoever began. Both SYNs cross, each side answers the " +
    "other's with a SYN ACK (SYN-SENT → SYN-RECEIVED), and both are open after one round trip, with four segments instead of three. In " +
    "the same way both FINs cross: each side is in CLOSING until its own FIN is acknowledged, and then both are in TIME-WAIT.",
  claims: [
    {
      says: ([e]) => `Both sides: ${e.states("left").join(", ")}.`,
      holds: ([e]) => {
        const course = "SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED";
        return e.states("left").join(" ") === course && e.states("right").join(" ") === course;
      },
    },
    {
      says: () => "It is one connection, and nobody was refused.",
      holds: ([e]) => e.run.connections.length === 1 && e.sent("left").every(({ flags }) => !flags.includes("RST")),
    },
    {
      says: ([e]) => `Both are open after ${duration(e.entered("left", "ESTABLISHED"))}: one round trip.`,
      holds: ([e]) =>
        e.entered("left", "ESTABLISHED") === e.entered("right", "ESTABLISHED") &&
        Math.abs(e.entered("left", "ESTABLISHED") - 40_000) < 1_000,
    },
  ],
  sections: ["RFC 9293 §3.5 figure 7 (simultaneous open)", "RFC 9293 §3.6 case 3 (simultaneous close)"],
};

/** Connections of the attacker, and the places for half-open ones. */
const FLOOD = 200;
const BACKLOG = 16;

const flooded = (synCookies: "off" | "overflow"): Lesson["scenes"][0] => ({
  name: synCookies === "off" ? "without cookies" : "with cookies",
  // Nothing comes back to the attacker, as if its addresses were forged.
  link: "delay 10ms in loss 100%",
  client: "delay 20ms",
  right: { synCookies },
  seconds: 10,
  play: (scene) => {
    scene.listen(scene.right, {}, { backlog: BACKLOG, params: { synCookies } });
    for (let i = 0; i < FLOOD; i++) scene.at(i, () => scene.connect(scene.left));
    scene.at(500, () => {
      const client = scene.connect(scene.client);
      client.send(1_000);
      client.close();
    });
  },
});

export const SYN_FLOOD: Lesson = {
  name: "syn-flood",
  title: "SYN flood and SYN cookies",
  question:
    `An attacker sends ${FLOOD} SYNs from addresses that never answer. The server has room for ${BACKLOG} half-open connections. Then ` +
    "an honest client comes. Does it get in? And how can a server answer a SYN without remembering it?",
  scenes: [flooded("off"), flooded("overflow")],
  pictures: [
    { kind: "ladder", scene: 0, ends: ["client", "right"], span: () => [500_000, 4_000_000] },
    { kind: "ladder", scene: 1, ends: ["client", "right"], span: () => [500_000, 1_000_000] },
  ],
  answer:
    "Without cookies the attacker's half-open connections take every place of the backlog, and the client's SYN is dropped, however " +
    "often it is repeated. With cookies the server keeps no state for a SYN that finds no place: its initial sequence number is a keyed hash " +
    "of addresses, ports, time and MSS. Only the ACK of somebody who has really received it brings the number back, and the connection is made " +
    "from that.",
  claims: [
    {
      says: ([off]) =>
        `Without cookies: the client sends its SYN ${off.sent("client", "tcp.tx.syn").length} times in 9.5 s and gets no answer.`,
      holds: ([off]) => off.received("client").length === 0 && off.sent("client").length >= 3,
    },
    {
      says: ([off]) =>
        `No more than ${off.states("right").filter((state) => state === "SYN-RECEIVED").length} of the attacker's SYNs took a place.`,
      holds: ([off]) => off.states("right").filter((state) => state === "SYN-RECEIVED").length <= BACKLOG + 1,
    },
    {
      says: (seen) =>
        `With cookies: ${cookies(seen)} SYNs are answered with a cookie, and the client is in after ${duration(clientOpen(seen))}: one round trip.`,
      holds: (seen) => cookies(seen) > FLOOD / 2 && Math.abs(clientOpen(seen) - 40_000) < 1_000,
    },
    {
      says: () => "All of the client's data arrives.",
      holds: ([, on]) => on!.received("client").some(({ ack }) => ack !== undefined && ack >= 1_001),
    },
  ],
  sections: ["RFC 4987 §2 (the attack)", "RFC 4987 §3.6 (SYN cookies)"],
};

const cookies = ([, on]: Parameters<Lesson["claims"][0]["holds"]>[0]) =>
  on!.events.filter((event) => "cause" in event && event.cause === "tcp.tx.syn-cookie").length;
const clientOpen = ([, on]: Parameters<Lesson["claims"][0]["holds"]>[0]) =>
  on!.entered("client", "ESTABLISHED") - 500_000;

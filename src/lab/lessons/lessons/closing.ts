/** Lessons about how connections end. */
import { duration, size } from "#report/verdict/text";
import type { Lesson } from "../lesson.ts";

export const HALF_CLOSE: Lesson = {
  name: "half-close",
  title: "half-close: one direction is over, the other goes on",
  question:
    "A client sends a request and closes its side (shutdown, Ctrl-D). The server has not answered yet. Is the connection over? What may " +
    "still be sent, and by whom?",
  scenes: [
    {
      name: "half-close",
      link: "delay 20ms rate 10mbit",
      play: (scene) => {
        const server = scene.listen(scene.right, { closesToo: false });
        const client = scene.connect(scene.left);
        client.send(300);
        client.close();
        scene.at(150, () => server.send(50_000));
        scene.at(150, () => server.close());
      },
    },
  ],
  pictures: [{ kind: "ladder", span: () => [0, 300_000] }],
  answer:
    "A FIN says only: I send no more. Each direction is closed by itself. The client is in FIN-WAIT-2 and goes on to read and to acknowledge; " +
    "the server is in CLOSE-WAIT and may send for as long as it likes. Only its own FIN ends the connection. A program that takes the end of its " +
    "input for the end of the connection loses the answer.",
  claims: [
    {
      says: ([e]) => `The client reads ${size(answer(e))} in FIN-WAIT-2, after its own FIN.`,
      holds: ([e]) => {
        const from = e.entered("left", "FIN-WAIT-2");
        const to = e.entered("left", "TIME-WAIT");
        const inside = e.received("left").filter(({ time, length }) => length > 0 && time >= from && time <= to);
        return answer(e) === 50_000 && inside.reduce((sum, { length }) => sum + length, 0) === 50_000;
      },
    },
    {
      says: ([e]) => `The server: ${e.states("right").slice(2).join(", ")}.`,
      holds: ([e]) => e.states("right").join(" ") === "SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED",
    },
    {
      says: () => "After its FIN the client sends no data, only ACKs.",
      holds: ([e]) => {
        const fin = e.first(e.sent("left").filter(({ flags }) => flags.includes("FIN")));
        return e.sent("left").every(({ time, length }) => time <= fin.time || length === 0);
      },
    },
  ],
  sections: ["RFC 9293 §3.6 case 1 (the local user initiates the close)", "RFC 9293 §3.10.4 (CLOSE call)"],
};

const answer = (e: Parameters<Lesson["claims"][0]["holds"]>[0][0]) =>
  e.sent("right").reduce((sum, { length, resent }) => sum + (resent ? 0 : length), 0);

export const TIME_WAIT: Lesson = {
  name: "time-wait",
  title: "TIME-WAIT: who stays behind, and why",
  question:
    "The last ACK of a connection is lost. Its sender cannot know: nobody acknowledges an ACK. How does the other side still get to " +
    "CLOSED, and why does the side that closed first stay for a minute?",
  scenes: [
    {
      name: "the last ACK is lost",
      // SYN, ACK, data with FIN: the fourth packet is the ACK of the other side's FIN.
      link: "delay 20ms out loss nth 4",
      params: { tailLossProbe: false },
      play: (scene) => void scene.transfer(100),
    },
  ],
  pictures: [{ kind: "ladder" }],
  answer:
    "The side that closed first is in TIME-WAIT. The other one, in LAST-ACK, gets no ACK of its FIN and sends it again. TIME-WAIT is still there " +
    "to acknowledge it again, and that ACK closes the other side properly; without TIME-WAIT the answer would be an RST. The second reason: " +
    "segments of this connection that are still on their way must not be taken for those of a new one between the same ports, so the state " +
    "lasts for twice the longest life of a segment. Whoever closes first pays: servers let their clients do it.",
  claims: [
    {
      says: ([e]) =>
        `The FIN is sent again after ${duration(finAgain(e).time - fin(e).time)}, by the retransmission timer.`,
      holds: ([e]) => finAgain(e).cause === "tcp.tx.rto" && e.drops("left>right") === 1,
    },
    {
      says: () => "TIME-WAIT acknowledges it again, and LAST-ACK ends by that ACK.",
      holds: ([e]) => {
        const closed = e.entered("right", "CLOSED");
        const ack = e.sent("left").findLast(({ time }) => time > finAgain(e).time);
        return ack !== undefined && !ack.flags.includes("RST") && Math.abs(ack.time + 20_000 - closed) < 1_000;
      },
    },
    {
      says: ([e]) =>
        `The side that closed first is gone only ${duration(e.entered("left", "CLOSED") - e.entered("left", "TIME-WAIT"))} after it entered TIME-WAIT.`,
      holds: ([e]) => e.entered("left", "CLOSED") - e.entered("left", "TIME-WAIT") >= 60_000_000,
    },
    {
      says: () => "The side that closed second has no TIME-WAIT at all.",
      holds: ([e]) => !e.states("right").includes("TIME-WAIT"),
    },
  ],
  sections: ["RFC 9293 §3.6.1 (half-closed connections and TIME-WAIT)", "RFC 1337 (hazards of TIME-WAIT)"],
};

type Only = Parameters<typeof answer>[0];
const fins = (e: Only) => e.sent("right").filter(({ flags }) => flags.includes("FIN"));
const fin = (e: Only) => e.first(fins(e));
const finAgain = (e: Only) => e.first(fins(e).slice(1));

/** Tells how a transfer goes on: a redrawn line on a terminal, after two seconds a line per second, and events for programs. */
import { bytesText, rateText } from "#observe/units";
import type { Socket } from "#socket/types";
import { figuresText, rttText, summaryFacts } from "./figures.ts";
import { type IntervalFigures, IntervalLines } from "./interval-line.ts";
import type { Flow } from "./pump.ts";
import { redraws } from "./terminal.ts";
import type { Facts, Voice } from "./voice.ts";

const PROGRESS_MS = 250;
const INTERVAL_MS = 1000;

/** Events for programs. */
export interface Intervals {
  readonly ms: number;
  /** Further facts of each. */
  facts(): Facts;
}

export const EVERY_SECOND: Intervals = { ms: INTERVAL_MS, facts: () => ({}) };

export interface Transfer {
  readonly socket: Socket;
  readonly sent: Flow;
  readonly received: Flow;
  /** Somebody types here: nothing may be drawn. */
  readonly typing: boolean;
  /** Received data appears on this terminal. */
  readonly shown: boolean;
}

/** Returns the function that ends it. */
export function showProgress(transfer: Transfer, voice: Voice, intervals: Intervals): () => void {
  if (voice.manner === "json") return tellIntervals(transfer, voice, intervals);
  if (voice.manner !== "plain" || transfer.typing) return () => {};
  const stopLines = tellLines(transfer, voice);
  const stopDrawing = redraws() ? drawLine(transfer, voice) : () => {};
  return () => {
    stopLines();
    stopDrawing();
  };
}

function tellIntervals({ socket, sent, received }: Transfer, voice: Voice, { ms, facts }: Intervals): () => void {
  const timer = setInterval(() => {
    const info = socket.info();
    const out = sent.acknowledged(info.bytesAcked);
    voice.event("interval", { ...summaryFacts(info, out, received), ...facts() }, figuresText(info, out, received));
  }, ms);
  return () => clearInterval(timer);
}

/** A line per second from the second second on. A short transfer has its summary. */
function tellLines({ socket, sent, received, shown }: Transfer, voice: Voice): () => void {
  const lines = new IntervalLines(performance.now() * 1000);
  let seconds = 0;
  let figures = figuresOf(socket, received);
  let written = 0;
  const timer = setInterval(() => {
    // `info` would wake a connection that sleeps, which says nothing new.
    const isIdle = figures.acked === sent.bytes && sent.bytes === written && figures.received === received.bytes;
    if (!isIdle) figures = figuresOf(socket, received);
    written = sent.bytes;
    const text = lines.next(figures, performance.now() * 1000);
    if (++seconds < 2 || text === null || (shown && received.bytes > 0)) return;
    voice.event("interval", {}, `· ${text}`);
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}

function figuresOf(socket: Socket, received: Flow): IntervalFigures {
  const { rtt, retransTotal, bytesAcked, sndWnd, sendQueue, cwnd } = socket.info();
  return {
    acked: bytesAcked,
    received: received.bytes,
    retransmissions: retransTotal,
    cwnd,
    rtt,
    isBlocked: sndWnd === 0 && sendQueue > 0,
  };
}

function drawLine({ socket, received, shown }: Transfer, voice: Voice): () => void {
  let before = { sent: 0, received: 0, at: performance.now() };
  const timer = setInterval(() => {
    if (shown && received.bytes > 0) return;
    const now = performance.now();
    const rate = (bytes: number, earlier: number) => rateText(((bytes - earlier) * 8000) / (now - before.at));
    const { rtt, retransTotal, bytesAcked, sndWnd, sendQueue } = socket.info();
    const words = [
      `out ${bytesText(bytesAcked)} ${rate(bytesAcked, before.sent)}`,
      `in ${bytesText(received.bytes)} ${rate(received.bytes, before.received)}`,
      rttText(rtt),
      `${retransTotal} resent`,
    ];
    if (sndWnd === 0 && sendQueue > 0) words.splice(2, 2, "the other side reads nothing");
    before = { sent: bytesAcked, received: received.bytes, at: now };
    voice.progress(words.join("   "));
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    voice.progress("");
  };
}

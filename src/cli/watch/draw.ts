/** Draws a frame: rows of text for a terminal of a given size. */
import { bytesText, counted, numberText, rateText, timeText } from "#observe/units";
import type { TcpInfo } from "#tcp/machine/info";
import { legible } from "../legible.ts";
import type { EndFrame, Frame, LimitName, LinkFrame } from "./frame.ts";
import { HELP, shortKeys } from "./keys.ts";
import { ASCII, cut, type Piece, row, type Signs, sparkline, UTF8 } from "./row.ts";
import { ruler } from "./ruler.ts";
import { dropsByCause, dropsOfWay, LINK_CHANGES, type WaySample } from "./sample.ts";

export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  readonly utf8: boolean;
  readonly colours: boolean;
}

/** With less room than this there is no dashboard. */
export const LEAST = { columns: 40, rows: 10 } as const;

/** From this width on, sparklines and second values have room. */
const WIDE = 72;
const LABEL = 10;
/** The columns of a value, and of the words after its sparkline. */
const VALUE = 14;
const ASIDE = 46;
/** Rows that the log has in any case, its title and the last line of the dashboard among them. */
const LOG_LEAST = 4;

/** A panel: its rows, and the words in the line above it. */
interface Panel {
  readonly title: string;
  readonly lines: readonly (readonly Piece[])[];
}

/** Exactly `rows` rows of exactly `columns` columns. */
export function draw(frame: Frame, canvas: Canvas): string[] {
  const signs = canvas.utf8 ? UTF8 : ASCII;
  const width = canvas.columns - 4;
  const top = [...endPanels(frame, width, signs), ...linkPanel(frame.link, width, signs)];
  const panels = fit(top, canvas.rows - LOG_LEAST);
  const used = panels.reduce((n, { lines }) => n + lines.length + 1, 0);
  // The title of the log and the last line take one each.
  const rest = canvas.rows - used - 2;
  panels.push(frame.showsHelp ? helpPanel(frame, rest) : logPanel(frame, rest));
  const text = (pieces: readonly Piece[]) => row(pieces, canvas.columns, canvas.colours);
  const [topLeft, topRight, bottomLeft, bottomRight, left, right] = signs.corners;
  const lines: string[] = [];
  panels.forEach(({ title, lines: inner }, i) => {
    lines.push(text(line(i === 0 ? [topLeft, topRight] : [left, right], title, canvas.columns, signs)));
    for (const pieces of inner) {
      const words = pieces.map((piece) => plainOf(piece, canvas.utf8));
      lines.push(`${signs.down} ${row(words, width, canvas.colours)} ${signs.down}`);
    }
  });
  lines.push(text(line([bottomLeft, bottomRight], footer(frame, width), canvas.columns, signs)));
  return lines;
}

/** What the frame says, for a screen that has room for one line only. */
export function tooSmall({ columns, rows }: Canvas): string[] {
  const words = cut(`tcpnet: ${LEAST.columns}x${LEAST.rows} or more, please`, columns);
  return [words.padEnd(columns), ...Array.from({ length: rows - 1 }, () => " ".repeat(columns))];
}

/** Panels in the order of their worth, as far as there are rows for them. */
function fit(panels: readonly Panel[], rows: number): Panel[] {
  const kept: Panel[] = [];
  let room = rows;
  for (const { title, lines } of panels) {
    const n = Math.min(lines.length, room - 1);
    if (n < 0 || (n === 0 && lines.length > 0)) break;
    kept.push({ title, lines: lines.slice(0, n) });
    room -= n + 1;
  }
  return kept;
}

function plainOf(piece: Piece, utf8: boolean): Piece {
  if (utf8) return piece;
  const plain = (text: string) => legible(text, Number.POSITIVE_INFINITY, false).replaceAll("≈", "~");
  return typeof piece === "string" ? plain(piece) : [piece[0], plain(piece[1])];
}

/** A line with words in it: `├ events ─────┤`. */
function line([left, right]: readonly [string, string], title: string, columns: number, signs: Signs): Piece[] {
  const words = title === "" ? "" : ` ${cut(title, columns - 6)} `;
  const shown = signs.isUtf8 ? words : legible(words, Number.POSITIVE_INFINITY, false);
  const rest = Math.max(0, columns - 3 - Bun.stringWidth(shown));
  return [
    ["dim", left + signs.across],
    ["bold", shown],
    ["dim", signs.across.repeat(rest)],
    ["dim", right],
  ];
}

/** As much as fits: the notes go first, then the addresses. */
function heading({ title, end, hasStack, time, notes }: Frame, width: number): string {
  const state = end !== null ? [end.info.state] : hasStack ? ["nobody is connected"] : [];
  const name = end === null ? title : `${title} ${end.name}`;
  const rest = [...state, clockOf(time)];
  const wordings = [
    [name, ...rest, ...notes],
    [end?.name ?? title, ...rest, ...notes],
    [end?.name ?? title, ...rest],
    [title, ...rest],
  ].map((words) => words.join(" ─ "));
  return wordings.find((words) => Bun.stringWidth(words) <= width - 2) ?? rest.join(" ─ ");
}

function clockOf(time: number): string {
  const seconds = Math.floor(time / 1e6);
  const two = (n: number) => `${n}`.padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

function endPanels(frame: Frame, width: number, signs: Signs): Panel[] {
  const title = heading(frame, width);
  const { end } = frame;
  if (end === null) return [{ title, lines: [] }];
  const lines = width >= WIDE - 4 ? wideLines(end, width, signs) : narrowLines(end, width, signs);
  return [{ title, lines }, windowPanel(end.info, width, signs)];
}

const label = (text: string): Piece => ["dim", text.padEnd(LABEL)];

function wideLines(end: EndFrame, width: number, signs: Signs): Piece[][] {
  const { info, sending, receiving, received } = end;
  const bars = Math.max(0, Math.min(60, width - LABEL - VALUE - ASIDE));
  const graph = (values: readonly number[]): Piece => ["cyan", sparkline(values, bars, signs)];
  const lines: Piece[][] = [];
  const isSender = info.bytesSent > 0 || info.sendQueue > 0;
  if (isSender) {
    const sent = `  acked ${bytesText(info.bytesAcked)}  `;
    lines.push([label("sending"), rateText(sending.now).padEnd(VALUE), graph(sending.past), sent, ...resent(info)]);
  }
  if (received > 0 || !isSender) {
    const words = `  received ${bytesText(received)}`;
    lines.push([label("receiving"), rateText(receiving.now).padEnd(VALUE), graph(receiving.past), words]);
  }
  lines.push([
    label("cwnd"),
    bytesText(info.cwnd).padEnd(VALUE),
    graph(end.cwnd),
    `  ${ssthreshText(info)}  `,
    phaseOf(info),
  ]);
  const details = whole(rttDetails(info), width - LABEL - VALUE - bars - 2);
  lines.push([label("rtt"), rttOf(info).padEnd(VALUE), graph(end.rtt), `  ${details}`]);
  lines.push([
    label("in flight"),
    `${bytesText(info.inFlight)} of ${bytesText(Math.min(info.cwnd, info.sndWnd))} (cwnd ${bytesText(info.cwnd)}, peer's window ${bytesText(info.sndWnd)})`,
  ]);
  lines.push(limitLine(end, Math.min(20, width - LABEL - 32), width, signs));
  return lines;
}

function narrowLines(end: EndFrame, width: number, signs: Signs): Piece[][] {
  const { info, sending, receiving, received } = end;
  const bars = Math.max(0, width - LABEL - VALUE);
  const graph = (values: readonly number[]): Piece => ["cyan", sparkline(values, bars, signs)];
  const lines: Piece[][] = [];
  const isSender = info.bytesSent > 0 || info.sendQueue > 0;
  if (isSender) lines.push([label("sending"), rateText(sending.now).padEnd(VALUE), graph(sending.past)]);
  if (received > 0 || !isSender)
    lines.push([label("receiving"), rateText(receiving.now).padEnd(VALUE), graph(receiving.past)]);
  lines.push(
    [label("cwnd"), bytesText(info.cwnd).padEnd(9), phaseOf(info)],
    [label("rtt"), `${rttOf(info)} (least ${timeText(info.minRtt)})`],
    limitLine(end, 4, width, signs),
    [label("resent"), ...resent(info).slice(1)],
  );
  return lines;
}

function resent({ retransTotal, dataSegsOut, timeouts }: TcpInfo): Piece[] {
  const share = retransTotal > 0 && dataSegsOut > 0 ? ` (${((100 * retransTotal) / dataSegsOut).toFixed(1)} %)` : "";
  const late = timeouts > 0 ? `, ${counted(timeouts, "timeout")}` : "";
  const words = `${numberText(retransTotal)}${share}${late}`;
  return ["resent ", retransTotal > 0 ? ["yellow", words] : words];
}

/** ssthresh is without bound until the first loss. */
function ssthreshText({ ssthresh }: TcpInfo): string {
  return ssthresh > 1e9 ? "no ssthresh yet" : `ssthresh ${bytesText(ssthresh)}`;
}

const PHASES: Readonly<Record<string, string>> = {
  disorder: "something is missing",
  cwr: "slowing down (CWR)",
  recovery: "fast recovery",
  loss: "recovery by timeout",
};

function phaseOf({ phase, cwnd, ssthresh, control, congestionControl }: TcpInfo): Piece {
  const words = PHASES[phase];
  if (words !== undefined) return ["yellow", words];
  const { mode } = control;
  if (mode !== undefined) return ["green", `${congestionControl} ${mode}`];
  return ["green", cwnd < ssthresh ? "slow start" : "congestion avoidance"];
}

function rttOf({ rtt }: TcpInfo): string {
  return rtt > 0 ? timeText(rtt) : "no sample";
}

/** A round trip is longer than the shortest one by what the queues of the path take. */
function rttDetails({ rtt, minRtt, rttvar, rto }: TcpInfo): string[] {
  const queue = rtt - minRtt >= 1000 ? [`queue ≈ ${timeText(rtt - minRtt)}`] : [];
  return [`least ${timeText(minRtt)}`, ...queue, `rto ${timeText(rto)}`, `var ${timeText(rttvar)}`];
}

/** The first of the parts that fit in so many columns: half a figure would be a wrong one. */
function whole(parts: readonly string[], columns: number): string {
  const texts = parts.map((_, i) => parts.slice(0, i + 1).join("  "));
  return texts.findLast((text) => Bun.stringWidth(text) <= columns) ?? "";
}

const LIMITS: Readonly<Record<LimitName, string>> = {
  handshake: "handshake",
  application: "application",
  "congestion-window": "cwnd",
  "receive-window": "peer's window",
  "send-buffer": "send buffer",
  "small-segment": "Nagle",
  pacing: "pacing",
  "last-acks": "last ACKs",
  done: "done",
};

/** Which of the limits held, in the last seconds, as a bar of `size` columns whose parts differ by their signs. */
function limitLine({ limits }: EndFrame, size: number, width: number, signs: Signs): Piece[] {
  const shown = limits.slice(0, signs.parts.length);
  let bar = "";
  shown.forEach(({ share }, i) => {
    bar += signs.parts[i]!.repeat(Math.round(share * size));
  });
  const words = shown.map(({ name, share }, i) => `${signs.parts[i]} ${LIMITS[name]} ${Math.round(share * 100)} %`);
  return [label("limit"), ["cyan", cut(bar, size).padEnd(size)], ` ${whole(words, width - LABEL - size - 1)}`];
}

function windowPanel(info: TcpInfo, width: number, signs: Signs): Panel {
  const { cells, outstanding, holes, open, isCut } = ruler(info, width, signs);
  const sacked = `${signs.arrived} SACKed ${bytesText(info.sacked)}, ${counted(holes, "hole")}`;
  const words = [
    `${signs.flight} in flight ${bytesText(outstanding)}`,
    ...(info.sacked > 0 ? [sacked] : []),
    `${signs.open} may send ${bytesText(open)}`,
    ...(isCut ? [`peer's window ${bytesText(info.sndWnd)}`] : []),
  ];
  return { title: "window", lines: [[["cyan", cells]], [whole(words, width)]] };
}

function linkPanel(link: LinkFrame | null, width: number, signs: Signs): Panel[] {
  if (link === null) return [];
  const isWide = width >= WIDE - 4;
  const name = Math.max(LABEL - 1, ...link.names.map((each) => each.length)) + 1;
  const bars = Math.max(0, Math.min(20, width - WIDE - 4));
  const lines: Piece[][] = [[link.words]];
  link.ways.forEach((way, i) => {
    const pieces: Piece[] = [["dim", `${link.names[i]!} `.padEnd(name)], `queue ${roomText(way)} `];
    if (bars > 0) pieces.push(["cyan", `${sparkline(link.queues[i]!, bars, signs)}  `]);
    if (isWide) pieces.push(`${numberText(Math.round(link.rates[i]!))} packets/s`.padEnd(16));
    pieces.push(isWide ? dropsOf(way) : totalOf(way));
    lines.push(pieces);
  });
  return [{ title: "link", lines }];
}

function roomText({ queue, room }: WaySample): string {
  return (room === Number.POSITIVE_INFINITY || room === null ? `${queue}` : `${queue}/${room}`).padEnd(8);
}

/** The causes, the most frequent first, and what else happened. */
function dropsOf(way: WaySample): Piece {
  const { counts } = way;
  const words = ([name, n]: readonly [string, number]) =>
    `${name.replace("link.", "").replace("-", " ")} ${numberText(n)}`;
  const drops = dropsByCause(way).sort((a, b) => b[1] - a[1]);
  const others = Object.entries(counts).filter(([name, n]) => n > 0 && LINK_CHANGES.has(name));
  const more = others.map(words);
  const passed = `passed ${numberText(counts["link.delivered"] ?? 0)}`;
  if (drops.length === 0) return [passed, ...more].join(", ");
  return ["yellow", [`drops: ${drops.map(words).join(", ")}`, ...more, passed].join("; ")];
}

function totalOf(way: WaySample): Piece {
  const total = dropsOfWay(way);
  return total > 0 ? ["yellow", `drops ${total}`] : "";
}

/** @param rows of the panel, without its title */
function logPanel({ log }: Frame, rows: number): Panel {
  const lines: Piece[][] = log.slice(-rows).map((text) => [text]);
  while (lines.length < rows) lines.push([""]);
  return { title: "events", lines };
}

function helpPanel({ whyNoKeys }: Frame, rows: number): Panel {
  const lines: Piece[][] = HELP.map(([key, words]) => [["bold", key.padEnd(12)], words]);
  if (whyNoKeys !== "") lines.unshift([["yellow", `The link cannot be changed: ${whyNoKeys}`]]);
  while (lines.length < rows) lines.push([""]);
  return { title: "keys", lines: lines.slice(0, rows) };
}

function footer({ isFrozen, isLast, whyNoKeys }: Frame, width: number): string {
  if (isLast) return "";
  const state = isFrozen ? "FROZEN, space goes on · " : "";
  const [long, short] = shortKeys(whyNoKeys === "");
  const words = `${state}${long}`;
  return Bun.stringWidth(words) <= width - 2 ? words : `${state}${short}`;
}

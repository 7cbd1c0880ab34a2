import { CLEAR_LINK, type LinkProfile } from "#device/link-profile";
import { readTime } from "#device/link-units";
import { type LinkProfiles, parseLinks } from "#device/link-words";
import type { FlowResult } from "#lab/sim/flow-result";
import { beginTransfer, type TransferOptions, transfer } from "#lab/sim/transfer";
import { transferTable } from "#lab/sim/transfer-table";
import { counted } from "#observe/units";
import { CONGESTION_CONTROLS } from "#tcp/congestion/congestion";
import type { TcpSettings } from "#tcp/words/params";
import { PROFILES } from "#tcp/words/profiles";
import type { CaptureWriter } from "../capture-writer.ts";
import { usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { pacingOf, unknownControl } from "../control-flags.ts";
import { EventWriter } from "../event-writer.ts";
import { EXIT_FAILURE, EXIT_OK } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { impairment, type TextReader } from "../link-flags.ts";
import { readNamed } from "../named-files.ts";
import { captureTarget } from "../open-capture.ts";
import { decisions, type Printing, printTo } from "../packet-teller.ts";
import { print, refuseClosedOutput, STDERR, STDOUT } from "../print.ts";
import { profileOf } from "../profile.ts";
import { RunSave } from "../replay-file.ts";
import { both, checkReportTarget, RunReport } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { packetsOf } from "../session-options.ts";
import { captureWriters, oneForOutput } from "../sim-captures.ts";
import { columnsOf, printText, say, sayData, speakWithoutWaiting } from "../terminal.ts";
import { isModule, loadController } from "../user-controller.ts";
import { type Play, type Played, play } from "../watch/sim-view.ts";

/** The default link. */
const USUAL_LINK = "delay 20ms rate 10mbit queue 100";
/** Limits of --buffer: smaller windows would never be opened (silly window), and larger ones do not exist. */
const BUFFER_MIN = 1e3;
const BUFFER_MAX = 1e9;
const BUFFER = 16e6;
/** Limits of --speed. */
const SPEED_MIN = 0.001;
const SPEED_MAX = 1000;

/** `tcpnet sim`: the table goes to standard output, unless the events do. */
export async function run(call: Call): Promise<number> {
  const { flags } = call;
  refuseSavingController(flags);
  const options = readOptions(flags, await userControllers(flags));
  const path = flags.text("events");
  if (path === "-") refuseClosedOutput();
  else if (path !== undefined) refuseOverwriting(impairment(flags)?.traces ?? [], "--events", path);
  const log = path === undefined ? undefined : new EventWriter(path);
  const page = flags.text("report");
  if (page !== undefined) checkReportTarget(page, path, impairment(flags)?.traces ?? []);
  const report = page === undefined ? undefined : new RunReport(page);
  const written = captureTarget(flags);
  oneForOutput([
    ["the events", path],
    ["the report", page],
    ["the packets", written],
  ]);
  const captures = written === undefined ? undefined : captureWriters(written, flags);
  const save = saveOf(call, captures);
  const outputTaken = [path, page, written].includes("-");
  const json = flags.has("json");
  const watched = watchOf(flags);
  const lines = packetsOf(flags) ? printing(flags, outputTaken || watched !== null) : undefined;
  const words = watched !== null && lines === undefined ? decisions() : lines?.sink;
  const sink = both(both(log, report?.sink), both(words, save?.sink));
  const { result, code, isChanged } = await ran({ ...options, sink, captures }, watched);
  log?.close();
  for (const capture of captures ?? []) capture?.close();
  const unsaved = code === 0 ? (save?.end(result.digest) ?? []) : [];
  lines?.end();
  const columns = columnsOf(outputTaken ? STDERR : STDOUT);
  const text = json ? JSON.stringify({ schema: "tcpnet.sim/1", ...result }) : transferTable(result, columns);
  const said = (await report?.end("tcpnet sim")) ?? [];
  if (outputTaken) (json ? sayData : say)(text);
  else (json ? print : printText)(`${text}\n`);
  for (const each of unsaved) said.push(`${each} is not in ${save!.path}: it is no file that can be read again`);
  if (code !== 0 && save !== undefined)
    said.push("not saved: the run was ended early, and its seed would repeat all of it");
  if (isChanged) said.push("keys changed the link while it ran: the seed alone does not repeat this run");
  for (const capture of captures ?? [])
    if (capture !== undefined) said.push(`capture: ${counted(capture.packets, "packet")} in ${capture.path}`);
  if (said.length > 0 && !json)
    (outputTaken ? say : (...lines: string[]) => printText(`\n${lines.join("\n")}\n`))(...said);
  if (code !== 0) return code;
  const well = ({ error, completion, asked }: FlowResult) => error === "OK" && (completion !== null || asked === null);
  return result.flows.every(well) ? EXIT_OK : EXIT_FAILURE;
}

/** Runs it at once, or before somebody's eyes. */
async function ran(options: TransferOptions, watched: Watching | null): Promise<Played> {
  if (watched === null) return { result: transfer(options), code: 0, isChanged: false };
  speakWithoutWaiting((lines) => `… ${lines} lines not written: the terminal was too slow`);
  return await play(beginTransfer(options), { seed: options.seed, ...watched });
}

type Watching = Pick<Play, "speed" | "whyFixed">;

/** --watch and --speed. Throws CliError. */
function watchOf(flags: Flags): Watching | null {
  const text = flags.text("speed");
  if (!flags.has("watch")) {
    if (text === undefined) return null;
    throw usageError("--speed is for --watch", "otherwise a simulation runs as fast as it can", "add --watch");
  }
  if (flags.has("json"))
    throw usageError("--json and --watch exclude each other", "a simulation has one JSON object, at its end");
  return {
    speed: text === undefined ? undefined : speedOf(text),
    whyFixed: flags.text("save") === undefined ? "" : "--save keeps a run that its seed can repeat",
  };
}

/** Virtual seconds per second; "max": as fast as it goes. */
function speedOf(text: string): number {
  if (text === "max") return Number.POSITIVE_INFINITY;
  const speed = /^\d+(?:\.\d+)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (speed >= SPEED_MIN && speed <= SPEED_MAX) return speed;
  throw usageError(
    `--speed ${text === "" ? '""' : text} is not a speed`,
    `a number from ${SPEED_MIN} to ${SPEED_MAX}, or max`,
    "for example --speed 0.1 for slow motion",
  );
}

/** A replay runs no code but the program's own. Throws CliError. */
function refuseSavingController(flags: Flags): void {
  if (flags.text("save") === undefined) return;
  if (ccNames(flags).some(isModule))
    throw usageError(
      "--save cannot keep a congestion control of your own",
      "replay runs no code that comes with a file",
    );
}

/** Throws CliError. */
function saveOf(call: Call, captures: readonly (CaptureWriter | undefined)[] = []): RunSave | undefined {
  const { flags } = call;
  const path = flags.text("save");
  if (path === undefined) return undefined;
  const traces = impairment(flags)?.traces ?? [];
  refuseOverwriting([...traces, ...others(flags)], "--save", path);
  const files = Object.fromEntries(traces.map((name) => [name, readNamed(name)]));
  return new RunSave(path, "sim", call, { files, captures: captures.map((capture) => capture?.path) });
}

/** The other files that are written. */
const others = (flags: Flags): string[] =>
  ["events", "report", "write"]
    .map((flag) => flags.text(flag))
    .filter((path) => path !== undefined && path !== "-") as string[];

/** The lines of --packets and --explain go where the table does. */
function printing(flags: Flags, outputTaken: boolean): Printing {
  const json = flags.has("json");
  const write = json ? print : printText;
  const aside = (text: string) => (json ? sayData : say)(text.trimEnd());
  const options = {
    decisions: flags.has("explain"),
    isNamed: true,
    isNumbered: (flags.whole("flows", 1, 1000) ?? 1) > 1,
  };
  return printTo(outputTaken ? aside : write, json, options);
}

/** Loads the modules that --cc names; returns the names of their controllers. */
async function userControllers(flags: Flags): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const each of ccNames(flags)) if (isModule(each)) names.set(each, await loadController(each));
  return names;
}

const ccNames = (flags: Flags): string[] => (flags.text("cc") ?? "cubic").split(",");

/** Reads the flags. Throws CliError. @param modules the controllers of the modules that --cc names. @param readText reads traces */
export function readOptions(
  flags: Flags,
  modules: ReadonlyMap<string, string> = new Map(),
  readText: TextReader = readNamed,
): TransferOptions {
  const time = flags.time("time") ?? Number.POSITIVE_INFINITY;
  const bytes = flags.size("bytes") ?? (time === Number.POSITIVE_INFINITY ? 10e6 : Number.POSITIVE_INFINITY);
  if (bytes === 0) throw usageError(`--bytes ${flags.text("bytes")} sends nothing`, "", "for example --bytes 10M");
  if (time === 0)
    throw usageError(`--time ${flags.text("time")} is over before anything happens`, "", "for example --time 60s");
  if (flags.has("bidir") && flags.has("reverse")) throw usageError("--bidir and --reverse exclude each other");
  return {
    seed: flags.whole("seed", 0, 0xffff_ffff) ?? 1,
    link: link(flags, bytes, readText),
    mtu: flags.whole("mtu", flags.has("ipv6") ? 1280 : 576, 65_535) ?? 1500,
    family: flags.has("ipv6") ? 6 : 4,
    flows: flags.whole("flows", 1, 1000) ?? 1,
    direction: flags.has("bidir") ? "both" : flags.has("reverse") ? "back" : "there",
    bytes,
    time,
    omit: omit(flags, time),
    params: params(flags, modules),
    stalls: stalls(flags.text("stall")),
  };
}

/** How much of the beginning is left out, virtual µs. */
function omit(flags: Flags, time: number): number {
  const asked = flags.time("omit") ?? 0;
  if (asked < time) return asked;
  throw usageError(`--omit ${flags.text("omit")} leaves nothing of --time ${flags.text("time")}`, "", "omit less");
}

/** The link flags, with half of --rtt as delay in each direction. Without any of them: a link like that of a home. */
function link(flags: Flags, bytes: number, readText: TextReader): LinkProfiles {
  const asked = impairment(flags, readText);
  const rtt = flags.time("rtt");
  if (asked === null && rtt === undefined) return parseLinks(USUAL_LINK);
  const profiles = asked?.profiles ?? { out: CLEAR_LINK, in: CLEAR_LINK };
  if (bytes === Number.POSITIVE_INFINITY && rtt === undefined) checkPace(profiles);
  if (rtt === undefined) return profiles;
  if (profiles.out.delay > 0 || profiles.in.delay > 0) {
    throw usageError(
      "--rtt and a delay exclude each other",
      "both set the delay: a round trip is twice the delay",
      "give one of them",
    );
  }
  const there = Math.ceil(rtt / 2);
  return { out: { ...profiles.out, delay: there }, in: { ...profiles.in, delay: rtt - there } };
}

/** Refuses an unlimited transfer over a link on which no time passes: it would never end. */
function checkPace({ out, in: back }: LinkProfiles): void {
  const atOnce = (p: LinkProfile) => p.delay === 0 && p.rate === Number.POSITIVE_INFINITY && p.trace === undefined;
  if (!atOnce(out) || !atOnce(back)) return;
  const why = "on a link without rate and delay, no time passes";
  throw usageError("--time without --bytes would never end", why, "add --rate 10mbit --rtt 40ms, or --bytes 10M");
}

/** The congestion controls of the flows, in turn. */
function params(flags: Flags, modules: ReadonlyMap<string, string>): TcpSettings[] {
  const buffer = flags.size("buffer") ?? BUFFER;
  if (buffer < BUFFER_MIN || buffer > BUFFER_MAX) {
    throw usageError(`--buffer ${flags.text("buffer")} is out of range`, "", "use a size from 1k to 1G");
  }
  const profile = profileOf(flags);
  const common: TcpSettings = {
    ...(profile === undefined ? {} : PROFILES[profile]),
    receiveBuffer: buffer,
    receiveBufferMax: buffer,
    sendBuffer: buffer,
    sack: flags.has("sack"),
    timestamps: flags.has("timestamps"),
    ...(flags.has("ecn") ? { ecn: "on" as const } : {}),
    ...pacingParams(flags),
  };
  return ccNames(flags).map((name) => {
    const congestionControl = modules.get(name) ?? CONGESTION_CONTROLS.find((each) => each === name);
    if (congestionControl !== undefined) return { ...common, congestionControl };
    throw unknownControl(name, ", or a file of yours such as ./mine.ts", (near) => `--cc ${near}`);
  });
}

function pacingParams(flags: Flags): TcpSettings {
  const pacing = pacingOf(flags);
  if (pacing === undefined) return {};
  return typeof pacing === "number" ? { pacingRateMax: Math.floor(pacing / 8) } : { pacing };
}

/** "5s-10s,20s-21s" */
function stalls(text: string | undefined): TransferOptions["stalls"] {
  if (text === undefined) return [];
  return text.split(",").map((span) => {
    const [from, to, ...more] = span.split("-").map((word) => readTime(word));
    const what = `--stall ${span === "" ? '""' : span}`;
    const fix = "for example --stall 5s-10s";
    if (from === undefined || to === undefined || more.length > 0)
      throw usageError(`${what} is not a span of time`, "", fix);
    for (const end of [from, to])
      if ("wrong" in end) throw usageError(`${what} is not a span of time`, `a time in it ${end.wrong}`, fix);
    const [begin, end] = [from, to].map((each) => ("value" in each ? each.value : 0)) as [number, number];
    if (begin < end) return { from: begin, to: end };
    throw usageError(`${what} ends before it begins`, "", fix);
  });
}

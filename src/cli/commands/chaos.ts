import { CLEAR_LINK } from "#device/link-profile";
import { countsText, linksText } from "#device/link-text";
import type { LinkProfiles } from "#device/link-words";
import type { Address } from "#ip/address";
import type { Prefix } from "#ip/prefix";
import { Chaos } from "#lab/chaos/chaos";
import type { Controlled, ControlSocket, LinkCounts } from "#lab/chaos/control";
import { Mirror } from "#lab/chaos/mirror";
import { mirrorAddress } from "#lab/chaos/mirror-address";
import { EventFile } from "#observe/event-file";
import type { OutputError } from "#observe/output-file";
import { Recorder } from "#observe/recorder";
import { ChaosCaptures } from "../chaos-captures.ts";
import { tellChaosLines } from "../chaos-lines.ts";
import { usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { readPrefix, readTun } from "../endpoint.ts";
import { EXIT_FAILURE, EXIT_OK } from "../exit-codes.ts";
import { endEvents, epochAt } from "../explanation.ts";
import { linkCommand, openControl, traceFile } from "../link-control.ts";
import { impairment } from "../link-flags.ts";
import { type RecordFile, readNamed, recordAt } from "../named-files.ts";
import { openDevice, tellNewDevice } from "../open-device.ts";
import { tellTo } from "../packet-teller.ts";
import { refuseClosedOutput } from "../print.ts";
import { giveUpRoot, runsAs } from "../privileges.ts";
import { RunSave, tellSaved } from "../replay-file.ts";
import { RunReport, tellReport } from "../report-file.ts";
import { checkWatch, mannerOf, packetsOf, reportTarget, saveTarget, webOf } from "../session-options.ts";
import { listenToSignals } from "../signals.ts";
import { speakWithoutWaiting } from "../terminal.ts";
import { Voice } from "../voice.ts";
import { watchChaos } from "../watch/chaos-view.ts";
import { LivePage } from "../web/live-page.ts";

/** One side of the command line. */
interface Side {
  readonly tun: string;
  readonly kernel: Prefix;
  /** The address there that represents the other side's kernel. */
  readonly mirror: Address;
}

/** `tcpnet chaos <tunA> <cidrA> <tunB> <cidrB>` */
export async function run(call: Call): Promise<number> {
  const { args, flags } = call;
  const [a, b] = sides(args);
  if (flags.has("watch")) checkWatch(flags, false);
  const impaired = impairment(flags);
  const profiles = impaired?.profiles ?? { out: CLEAR_LINK, in: CLEAR_LINK };
  const seed = impaired?.seed ?? flags.whole("seed", 0, 0xffff_ffff) ?? 1;
  const voice = new Voice(mannerOf(flags));
  speakWithoutWaiting((lines) => voice.gap(lines));
  const events = flags.text("events");
  const file = recordAt(events);
  const port = webOf(flags);
  const page = reportTarget(flags);
  const report = page === undefined ? null : new RunReport(page);
  const captures = new ChaosCaptures(flags, b.tun, voice);
  const save = saveOf(call, impaired?.traces ?? [], captures);
  const { chaos, made, giveBack } = open(
    a,
    b,
    { profiles, seed },
    { mtu: flags.whole("mtu", 576, 65_535), force: flags.has("force"), captures },
  );
  captures.watch(chaos);
  let control: ControlSocket;
  let web: LivePage | null = null;
  try {
    control = openControl(flags.text("socket"), a.tun);
    // Root reads no packets.
    await giveUpRoot();
    if (port !== undefined) web = new LivePage(port, "tcpnet chaos");
  } catch (error) {
    chaos.close();
    giveBack();
    throw error;
  }
  const link = controlled(chaos, voice);
  control.serve(link, traceFile);
  const record = recorded(
    chaos,
    a,
    b,
    { path: events, file, report, save, web, packets: packetsOf(flags), link: linksText(profiles), seed },
    voice,
  );
  chaos.start();
  const words = { link: linksText(profiles), seed };
  voice.lines("ready", { a: facts(a), b: facts(b), socket: control.path, ...words, user: runsAs() }, [
    "tcpnet chaos: packets for one device come back from the other, over the link",
    ...map(a, b, `${words.link}, seed ${seed}`, control.path),
  ]);
  for (const tun of made) tellNewDevice(tun, voice);
  web?.announce(voice);
  const watch = flags.has("watch") ? watchChaos(chaos, [a.tun, b.tun], { link, seed }, voice) : null;
  const endLines = watch === null ? tellChaosLines(chaos, [a.tun, b.tun], voice) : null;
  const code = await ended(a, b, chaos, voice);
  endLines?.();
  watch?.end();
  control.close();
  const { counts } = chaos;
  chaos.close();
  giveBack();
  voice.lines("end", { ...counts }, countLines(a, b, counts));
  const captured = await captures.end();
  const complete = (record === null || (await endEvents(record, events, voice))) && captured;
  await tellReport(report, "tcpnet chaos", voice);
  tellSaved(save, voice);
  await web?.end();
  return code === EXIT_OK && !complete ? EXIT_FAILURE : code;
}

/** Throws CliError. */
function saveOf(call: Call, traces: readonly string[], { paths }: ChaosCaptures): RunSave | null {
  const path = saveTarget(call.flags);
  if (path === undefined) return null;
  const files = Object.fromEntries(traces.map((name) => [name, readNamed(name)]));
  return new RunSave(path, "chaos", call, { files, captures: paths });
}

/** The link, whose changes are told. */
function controlled(chaos: Chaos, voice: Voice): Controlled {
  const set = (wanted: LinkProfiles) => {
    chaos.set(wanted);
    voice.event("link", { link: linksText(wanted) }, `· the link is now: ${linksText(wanted)}`);
  };
  return { profiles: () => chaos.profiles, set, counts: () => chaos.counts };
}

interface Recorded {
  readonly path: string | undefined;
  readonly file: RecordFile | null;
  readonly report: RunReport | null;
  readonly save: RunSave | null;
  readonly web: LivePage | null;
  readonly packets: boolean;
  readonly link: string;
  readonly seed: number;
}

/** Writes to a file, and prints, what happens to each packet; null without a file. */
function recorded(chaos: Chaos, a: Side, b: Side, wishes: Recorded, voice: Voice): EventFile | null {
  const { path, file, report, save, web, packets, link, seed } = wishes;
  if (path === undefined && report === null && save === null && web === null && !packets) return null;
  if (path === "-") refuseClosedOutput();
  const time = voice.zero;
  const about = { command: "chaos", a: a.tun, b: b.tun, link, seed };
  const onEnd = ({ message }: OutputError) => voice.warn({ what: message, why: "", fix: "" });
  const started = { event: "run:started", time, who: "chaos", epoch: epochAt(time), about } as const;
  const events = path === undefined ? null : new EventFile({ path, open: file?.open, onEnd }, started);
  const lines = packets ? tellTo(voice, { isWire: true }) : null;
  const sinks = [events, report?.sink, save?.sink, web, lines].filter((sink) => sink !== null && sink !== undefined);
  report?.sink.event(started);
  save?.sink.event(started);
  web?.event(started);
  const names = mirrored(a, b);
  const recorder = new Recorder(sinks);
  recorder.watch(chaos.a.outgoing, `${a.tun}>${b.tun}`, names);
  recorder.watch(chaos.b.outgoing, `${b.tun}>${a.tun}`, names);
  return events;
}

/** By mirror address: the address that it stands for, so that both directions of a connection have the same ends. */
function mirrored(a: Side, b: Side): ReadonlyMap<string, string> {
  return new Map([
    [`${a.mirror}`, `${b.kernel.address}`],
    [`${b.mirror}`, `${a.kernel.address}`],
  ]);
}

function sides(args: readonly string[]): [Side, Side] {
  const [tunA, cidrA, tunB, cidrB] = args as [string, string, string, string];
  if (tunA === tunB) throw usageError(`${tunA} is given twice`, "chaos needs two devices", "for example tun0 and tun1");
  const side = (tun: string, cidr: string, name: string): Side => {
    const kernel = readPrefix(cidr, name);
    return { tun: readTun(tun), kernel, mirror: mirrorAddress(kernel) };
  };
  const [a, b] = [side(tunA, cidrA, "cidrA"), side(tunB, cidrB, "cidrB")];
  const example = "for example 10.0.0.1/24 and 10.0.1.1/24";
  if (a.kernel.family !== b.kernel.family) {
    throw usageError(`${a.kernel} and ${b.kernel} are of different IP versions`, "", example);
  }
  if (a.kernel.overlaps(b.kernel)) {
    throw usageError(`${a.kernel} and ${b.kernel} overlap`, "each device needs its own subnet", example);
  }
  return [a, b];
}

type LinkOf = Pick<ConstructorParameters<typeof Chaos>[0], "profiles" | "seed">;

interface Opened {
  readonly chaos: Chaos;
  /** Devices that this program made. */
  readonly made: readonly string[];
  readonly giveBack: () => void;
}

interface Wishes {
  readonly mtu: number | undefined;
  readonly force: boolean;
  readonly captures: ChaosCaptures;
}

function open(a: Side, b: Side, link: LinkOf, { mtu, force, captures }: Wishes): Opened {
  const wishes = { mtu, force, offload: false, impairment: null, isWire: true };
  const first = openDevice(a, wishes);
  try {
    const second = openDevice(b, wishes);
    // Packets from a's kernel address arrive at b from the mirror address there, and vice versa.
    const here = [a.kernel.address, a.mirror];
    const there = [b.mirror, b.kernel.address];
    const chaos = new Chaos({
      a: { device: captures.wrap(first.device, "a"), mirror: new Mirror(here, there) },
      b: { device: captures.wrap(second.device, "b"), mirror: new Mirror(there, here) },
      ...link,
    });
    const giveBack = () => {
      first.giveBack();
      second.giveBack();
    };
    const made = [a, b].filter((_, i) => [first, second][i]!.temporary).map((side) => side.tun);
    return { chaos, made, giveBack };
  } catch (error) {
    first.device.close();
    first.giveBack();
    throw error;
  }
}

/** Runs until Ctrl-C, SIGTERM, or the end of a device. */
function ended(a: Side, b: Side, chaos: Chaos, voice: Voice): Promise<number> {
  return new Promise((resolve) => {
    const stop = listenToSignals({
      close: () => end(EXIT_OK),
      abort: (code) => end(code),
      figures: () => voice.lines("figures", { ...chaos.counts }, countLines(a, b, chaos.counts)),
      reopen: () => false,
    });
    const end = (code: number) => {
      stop();
      resolve(code);
    };
    chaos.onGone = () => {
      voice.warn({ what: `${a.tun} or ${b.tun} vanished`, why: "the device was removed", fix: "" });
      end(EXIT_FAILURE);
    };
  });
}

function map(a: Side, b: Side, link: string, path: string): string[] {
  const rows: [string, string][] = [
    [a.tun, `${a.kernel.address} (kernel), ${a.mirror} stands for ${b.kernel.address} on ${b.tun}`],
    [b.tun, `${b.kernel.address} (kernel), ${b.mirror} stands for ${a.kernel.address} on ${a.tun}`],
    ["link", link],
    ["try", `ping ${a.mirror}`],
    ["then", linkCommand('set "delay 100ms loss 5%"', path)],
    ["end", "Ctrl-C"],
  ];
  const user = runsAs();
  if (user !== null) rows.push(["user", `${user}: the program is not root any more`]);
  const width = Math.max(...rows.map(([head]) => head.length));
  return rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}`);
}

function facts({ tun, kernel, mirror }: Side): Record<string, string> {
  return { tun, kernel: `${kernel}`, mirror: `${mirror}` };
}

function countLines(a: Side, b: Side, counts: LinkCounts): string[] {
  return [`${a.tun} > ${b.tun}  ${countsText(counts.out)}`, `${b.tun} > ${a.tun}  ${countsText(counts.in)}`];
}

import { NO_OFFLOAD } from "#device/device";
import { ImpairDevice } from "#device/impair";
import { pair } from "#device/pair";
import { ownEnvironment } from "#ffi/environment";
import { isHeard } from "#ffi/unix-socket";
import { netup } from "#netup/netup";
import type { EventSink } from "#observe/events";
import { exactBytesText } from "#observe/units";
import { CliError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { demoSocket, followOutside, fromTheLiving, runInside, STOPS, type Stop, sayGoodbye } from "../demo-inside.ts";
import { type DemoOptions, demoOptions } from "../demo-plan.ts";
import { DemoRecord } from "../demo-record.ts";
import { Stage } from "../demo-stage.ts";
import { verdict } from "../demo-verdict.ts";
import { type Endpoint, endpoint, type Role } from "../endpoint.ts";
import { openEnds } from "../ends.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_SIGINT } from "../exit-codes.ts";
import { Explanation } from "../explanation.ts";
import { DEMO_INSIDE, DEMO_SOCKET, fromOutside, isolation } from "../isolation.ts";
import { LAB } from "../lab.ts";
import { controlLink, openControlOf } from "../link-control.ts";
import { checkWritable, readNamed, recordAt } from "../named-files.ts";
import { besideCapture, captured, endCapture } from "../open-capture.ts";
import { impaired } from "../open-device.ts";
import { refuseClosedOutput, STDOUT } from "../print.ts";
import { programName, selfCommand } from "../program.ts";
import { RunSave, type SavedFiles, tellSaved } from "../replay-file.ts";
import { RunReport, tellReport } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { Session } from "../session.ts";
import type { SessionOptions } from "../session-options.ts";
import { bold, columnsOf, say, speakOnStandardOutput, speakWithoutWaiting, speechFailure } from "../terminal.ts";
import { Voice } from "../voice.ts";
import { watchDemo } from "../watch/demo-view.ts";
import type { Watch } from "../watch/watch.ts";
import { LivePage } from "../web/live-page.ts";
import { OutsidePage } from "../web/outside-page.ts";
import { wrapped } from "../wrapped.ts";

const FULL_OFFLOAD = { checksum: true, tso4: true, tso6: true };
/** How long one program may go on after the other has failed, ms. */
const GRACE_MS = 1_000;
/** Not the default port: Wireshark takes port 7000 for another protocol. */
const PORT = 7007;

/** `tcpnet demo`: the whole experiment, in a private network. */
export async function run(call: Call): Promise<number> {
  const options = demoOptions(call.flags);
  const { write, events, report, save, impairment } = options;
  if (write !== undefined && write !== "-") {
    refuseOverwriting(impairment?.traces ?? [], "--write", write);
    checkWritable(write);
    checkWritable(besideCapture(write, "host")!);
  }
  for (const [flag, path] of [
    ["--events", events],
    ["--report", report],
    ["--save", save],
  ] as const) {
    if (path === undefined || path === "-") continue;
    refuseOverwriting(impairment?.traces ?? [], flag, path);
    checkWritable(path);
  }
  refuseClosedOutput();
  // The printed events are the result and go to standard output, unless a capture or the record does.
  if (write !== "-" && events !== "-") speakOnStandardOutput();
  const how = fromOutside(DEMO_INSIDE);
  if (how !== undefined) return await inside(options, call, how);
  if (options.memory)
    return await perform(options, call, "in memory, as requested: two stacks in one program, without the kernel");
  const way = isolation({ processes: true });
  if ("refused" in way) {
    const where = `in memory: two stacks in one program, without the kernel, because ${way.refused}`;
    return await perform({ ...options, memory: true }, call, where);
  }
  const page = options.web === undefined ? null : new OutsidePage(options.web, new Voice(options.manner));
  try {
    return await runInside(way.command, page?.folder);
  } finally {
    await page?.end();
  }
}

/** Runs inside the private network. */
async function inside(options: DemoOptions, call: Call, how: string): Promise<number> {
  const outside = fromTheLiving();
  try {
    return await perform(options, call, `a private network (${how}); your own network is not touched`, followOutside);
  } finally {
    sayGoodbye(outside);
  }
}

/** @param follow calls its argument when the process outside wants the demo to stop */
async function perform(
  options: DemoOptions,
  call: Call,
  where: string,
  follow?: (stop: (code: number) => void) => Promise<void>,
): Promise<number> {
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const stage = new Stage(options.manner, options.size);
  const report = options.report === undefined ? null : new RunReport(options.report);
  const save = options.save === undefined ? null : new RunSave(options.save, "demo", call, savedFiles(options));
  // The page of a demo in a private network is served outside of it.
  const web = options.web === undefined || !options.memory ? null : new LivePage(options.web, "tcpnet demo");
  const sinks: EventSink[] = [report, save].flatMap((each) => (each === null ? [] : [each.sink]));
  if (web !== null) sinks.push(web);
  const record = new DemoRecord(options, stage.began, sinks);
  let stopped = 0;
  let watch: Watch | null = null;
  const actors: { stop(): void }[] = [];
  const stop = (code: number) => {
    stopped = code;
    for (const actor of actors) actor.stop();
  };
  for (const [signal, code] of Object.entries(STOPS)) process.on(signal as Stop, () => stop(code));
  stage.onUnheard = () => stop(EXIT_FAILURE);
  void follow?.(stop);
  try {
    if (options.manner === "plain") tellBeginning(options, where);
    web?.announce(voice);
    watch = watchDemo(stage, options, voice, controlSocket(options));
    if (!options.memory) await prepare(options);
    // If the demo was stopped before a program was started, start none.
    const codes =
      stopped !== 0
        ? NOBODY
        : options.memory
          ? await inMemory(options, stage, actors, record)
          : await inKernel(options, stage, actors, record);
    watch?.end();
    stage.end();
    record.end();
    await tellReport(report, "tcpnet demo", voice);
    await web?.end();
    tellSaved(save, voice);
    const code = stopped !== 0 ? stopped : verdict(options, stage, codes);
    const unheard = speechFailure();
    if (unheard !== null) throw unheard;
    return code;
  } finally {
    watch?.end();
    stage.end();
    record.remove();
  }
}

function savedFiles({ impairment, write }: DemoOptions): SavedFiles {
  const files = Object.fromEntries((impairment?.traces ?? []).map((name) => [name, readNamed(name)]));
  return { files, captures: [write, besideCapture(write, "host")] };
}

const NOBODY: Record<Role, number> = { host: EXIT_FAILURE, peer: EXIT_FAILURE };

function tellBeginning({ size, impairment, memory }: DemoOptions, where: string): void {
  const map = memory
    ? "host 10.0.0.7 ─ a link in memory ─ 10.0.1.5 peer"
    : "host 10.0.0.7 ─ tun0 10.0.0.1 ┄ kernel ┄ 10.0.1.1 tun1 ─ 10.0.1.5 peer";
  say(
    `${bold("tcpnet demo")}: ${memory ? "two TCP stacks, connected in memory" : "two programs with a TCP each; this kernel routes between them"}`,
    ...field("where", where),
    ...field("map", map),
    ...field("link", impairment === null ? "clean" : `${impairment.text} (in each direction, at the peer)`),
    ...field("plan", `${exactBytesText(size)} of random data in both directions at once, then both sides close`),
    "",
  );
}

const COLUMNS = 80;
const LABEL = 10;

/** A row of the head; it is wrapped on narrow terminals. */
function field(name: string, text: string): string[] {
  const columns = Math.min(COLUMNS, columnsOf(STDOUT)) - LABEL;
  return wrapped(text, columns).map((line, i) => `  ${i === 0 ? name : ""}`.padEnd(LABEL) + line);
}

async function prepare({ mtu }: DemoOptions): Promise<void> {
  // The caller of sudo does not exist there.
  const result = await netup({ mtu, user: "root", record: false, program: programName });
  const failed = result.findings.find((finding) => finding.level === "fail");
  if (failed !== undefined) throw new CliError(EXIT_FAILURE, failed.what, failed.why, `${programName} demo --memory`);
}

/** Runs two programs over TUN devices. */
async function inKernel(
  options: DemoOptions,
  stage: Stage,
  actors: { stop(): void }[],
  record: DemoRecord,
): Promise<Record<Role, number>> {
  const spawn = (role: Role, more: readonly string[]) => {
    const plain = options.offload ? [] : ["--no-offload"];
    const args = [
      role,
      ...LAB[role],
      "--verify",
      `${options.size}`,
      "--port",
      `${PORT}`,
      "--mtu",
      `${options.mtu}`,
      "--json",
      ...plain,
      ...options.controlArguments,
      ...(options.watch ? ["--watch"] : []),
      ...options.rightsArguments,
      ...tellingArguments(options),
      ...record.argumentsFor(role),
      ...more,
    ];
    const child = Bun.spawn(selfCommand(args), { env: ownEnvironment(), stdio: ["ignore", "inherit", "pipe"] });
    actors.push({ stop: () => child.kill("SIGTERM") });
    return { exited: child.exited, listening: listen(child.stderr, role, stage) };
  };
  const ready = stage.heard("host", "listen");
  const hostFile = besideCapture(options.write, "host");
  const host = spawn("host", hostFile === undefined ? [] : ["--write", hostFile]);
  await Promise.race([ready, host.exited]);
  const capture = options.write === undefined ? [] : ["--write", options.write];
  const peer = spawn("peer", [...options.linkArguments, ...socketArguments(options), ...capture]);
  const first = await Promise.race([host.exited, peer.exited]);
  if (first !== EXIT_OK) {
    // If one fails, the other waits in vain, unless all data had arrived and only a capture could not be written.
    await Promise.race([Promise.all([host.exited, peer.exited]), Bun.sleep(GRACE_MS)]);
    for (const actor of actors) actor.stop();
  }
  const [hostCode, peerCode] = await Promise.all([host.exited, peer.exited]);
  await Promise.all([host.listening, peer.listening]);
  return { host: hostCode, peer: peerCode };
}

function tellingArguments({ packets, explain }: DemoOptions): string[] {
  return explain ? ["--explain"] : packets ? ["--packets"] : [];
}

/** The control socket of the peer's link; "" if there is none, or another demo has it. To be asked before the demo has it. */
function controlSocket({ impairment }: DemoOptions): string {
  if (impairment === null) return "";
  const socket = fromOutside(DEMO_SOCKET) ?? demoSocket();
  return socket === "" || isHeard(socket) ? "" : socket;
}

function socketArguments(options: DemoOptions): string[] {
  const socket = controlSocket(options);
  return socket === "" ? [] : ["--socket", socket];
}

async function listen(stream: ReadableStream<Uint8Array>, role: Role, stage: Stage): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") stage.hear(role, line);
  }
}

/** Runs both sides in this program, if there can be no TUN device. */
async function inMemory(
  options: DemoOptions,
  stage: Stage,
  actors: { stop(): void }[],
  record: DemoRecord,
): Promise<Record<Role, number>> {
  const { mtu, impairment } = options;
  const offload = options.offload && impairment === null ? FULL_OFFLOAD : NO_OFFLOAD;
  const [a, b] = pair({ names: ["host", "peer"], mtu, queueLength: 2000, offload });
  const [, socket] = socketArguments(options);
  const peerEnd = impairment === null ? b : impaired(b, impairment);
  const far = peerEnd instanceof ImpairDevice ? peerEnd.in : undefined;
  const begin = async (role: Role) => {
    const voice = new Voice("json", (line) => stage.hear(role, line));
    const end = role === "host" ? a : peerEnd;
    const path = role === "peer" ? options.write : besideCapture(options.write, "host");
    const { device, capture } = captured(end, path, recordAt(path), voice, role === "host" ? far : undefined);
    const its = sessionFor(role, options);
    const sinks = record.sink === null ? [] : [record.sink];
    const explanation = new Explanation(its, null, voice, sinks);
    const session = await Session.open(its, openEnds(its), device, voice, explanation, end);
    const endControl = controlLink(end, openControlOf(end, socket, false), voice);
    actors.push({ stop: () => session.abort(EXIT_SIGINT) });
    const close = async () => {
      endControl();
      return await endCapture(capture, path, voice);
    };
    return { session, close };
  };
  const sides = [await begin("host"), await begin("peer")] as const;
  const codes = { host: EXIT_FAILURE, peer: EXIT_FAILURE };
  try {
    [codes.host, codes.peer] = await Promise.all([sides[0].session.run(), sides[1].session.run()]);
  } finally {
    // Close both at once: closing one end ends the link for the other.
    await Promise.all(sides.map(({ session }) => session.end()));
    for (const { close } of sides) if (!(await close())) codes.peer ||= EXIT_FAILURE;
  }
  return codes;
}

function sessionFor(role: Role, options: DemoOptions): SessionOptions {
  const [tun, cidr, remote] = LAB[role];
  const nobody = () => undefined;
  const where: Endpoint = { ...endpoint(role, { tun, cidr, remote }, nobody), inMemory: true };
  return {
    endpoint: where,
    port: PORT,
    service: { kind: "verify", size: options.size, role },
    keep: false,
    limits: {},
    simultaneous: false,
    fastOpen: false,
    cc: options.cc,
    pacing: options.pacing,
    profile: undefined,
    strictTimestamps: false,
    timeout: undefined,
    send: undefined,
    recv: undefined,
    listenOnly: false,
    ownPrefix: false,
    mtu: options.mtu,
    offload: options.offload,
    force: false,
    tunFd: undefined,
    impairment: options.impairment,
    socket: undefined,
    queues: 1,
    write: undefined,
    events: undefined,
    report: undefined,
    save: undefined,
    packets: options.packets,
    explain: options.explain,
    watch: options.watch,
    web: undefined,
    manner: "json",
  };
}

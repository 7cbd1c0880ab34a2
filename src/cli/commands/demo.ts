import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPath } from "#chaos/control-path";
import { NO_OFFLOAD } from "#device/device";
import { pair } from "#device/pair";
import { ownEnvironment } from "#ffi/environment";
import { isHeard } from "#ffi/unix-socket";
import { netup } from "#netup/netup";
import { exactBytesText } from "#observe/units";
import { CliError, fileError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { type DemoOptions, demoOptions } from "../demo-plan.ts";
import { Stage, writeRandom } from "../demo-stage.ts";
import { verdict } from "../demo-verdict.ts";
import { type Endpoint, endpoint, type Role } from "../endpoint.ts";
import { openEnds } from "../ends.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_SIGHUP, EXIT_SIGINT, EXIT_SIGTERM } from "../exit-codes.ts";
import { DEMO_INSIDE, DEMO_SOCKET, isolation, toldInside } from "../isolation.ts";
import { LAB } from "../lab.ts";
import { controlLink } from "../link-control.ts";
import { captured, endCapture } from "../open-capture.ts";
import { impaired } from "../open-device.ts";
import { programName, selfCommand } from "../program.ts";
import { Session } from "../session.ts";
import type { SessionOptions } from "../session-options.ts";
import { bold, say, speakOnStandardOutput, speakWithoutWaiting } from "../terminal.ts";
import { Voice } from "../voice.ts";
import { wrapped } from "../wrapped.ts";

const FULL_OFFLOAD = { checksum: true, tso4: true, tso6: true };
/** How long one program may go on when the other has failed, ms. */
const GRACE_MS = 1_000;
/** Not the default: Wireshark takes whatever uses 7000 for another protocol, and a newcomer opens the capture first. */
const PORT = 7007;

/** `tcpnet demo`: the whole experiment, in a network of its own. */
export async function run({ flags }: Call): Promise<number> {
  const options = demoOptions(flags);
  if (options.write !== undefined && options.write !== "-") checkWritable(options.write);
  // The story is the result; only a capture may take its place.
  if (options.write !== "-") speakOnStandardOutput();
  const inside = toldInside(DEMO_INSIDE);
  if (inside !== undefined)
    return await perform(options, `a network of its own (${inside}); this machine is not touched`);
  if (options.memory)
    return await perform(options, "in memory, as asked: two stacks in one program, no kernel between them");
  const way = isolation();
  if ("refused" in way) {
    const where = `in memory: two stacks in one program, no kernel between them, because ${way.refused}`;
    return await perform({ ...options, memory: true }, where);
  }
  return await again(way.command);
}

/** Told before anything begins. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, "a"));
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw fileError(path, code, message, "write");
  }
}

/** Runs this very program again inside of the network. */
async function again(way: readonly string[]): Promise<number> {
  const child = Bun.spawn([...way, ...selfCommand(process.argv.slice(2))], {
    env: ownEnvironment({ [DEMO_INSIDE]: `unshare ${way.slice(1).join(" ")}`, [DEMO_SOCKET]: controlPath("demo") }),
    stdio: ["inherit", "inherit", "inherit"],
  });
  // The one inside tidies up, and we wait for it. A Ctrl-C reaches it twice, which does no harm.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return await child.exited;
}

async function perform(options: DemoOptions, where: string): Promise<number> {
  const folder = newFolder();
  const voice = new Voice(options.manner);
  speakWithoutWaiting((lines) => voice.gap(lines));
  const stage = new Stage(options.manner);
  let stopped = 0;
  const actors: { stop(): void }[] = [];
  const stop = (code: number) => () => {
    stopped = code;
    for (const actor of actors) actor.stop();
  };
  process.on("SIGINT", stop(EXIT_SIGINT));
  process.on("SIGTERM", stop(EXIT_SIGTERM));
  process.on("SIGHUP", stop(EXIT_SIGHUP));
  try {
    if (options.manner === "plain") tellBeginning(options, where);
    for (const role of ["host", "peer"] as const) writeRandom(join(folder, `from-${role}`), options.size);
    if (!options.memory) await prepare(options);
    const codes = options.memory
      ? await inMemory(options, folder, stage, actors)
      : await inKernel(options, folder, stage, actors);
    stage.end();
    if (stopped !== 0) return stopped;
    return verdict(options, folder, stage, codes);
  } finally {
    stage.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where what is sent and what arrives lies for a while. */
function newFolder(): string {
  const above = tmpdir();
  try {
    return mkdtempSync(join(above, "tcpnet-demo-"));
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const { why, exitCode } = fileError(above, code, message);
    throw new CliError(exitCode, `no folder can be made in ${above}`, why, "say another: TMPDIR=/var/tmp");
  }
}

function tellBeginning({ size, impairment, memory }: DemoOptions, where: string): void {
  const map = memory
    ? "host 10.0.0.7 ─ a link in memory ─ 10.0.1.5 peer"
    : "host 10.0.0.7 ─ tun0 10.0.0.1 ┄ kernel ┄ 10.0.1.1 tun1 ─ 10.0.1.5 peer";
  say(
    `${bold("tcpnet demo")}: two programs, each with a TCP of its own${memory ? "" : ", this kernel their router"}`,
    ...field("where", where),
    ...field("map", map),
    ...field("link", impairment === null ? "clean" : `${impairment.text} (each way, at the peer)`),
    ...field("plan", `${exactBytesText(size)} of random data each way at once, then both sides close`),
    "",
  );
}

/** A row of the head: on the smallest terminal it goes on below itself. */
function field(name: string, text: string): string[] {
  return wrapped(text, 70).map((line, i) => `  ${(i === 0 ? name : "").padEnd(8)}${line}`);
}

async function prepare({ mtu }: DemoOptions): Promise<void> {
  // Whoever called sudo is nobody there.
  const result = await netup({ mtu, user: "root", record: false, program: programName });
  const failed = result.findings.find((finding) => finding.level === "fail");
  if (failed !== undefined) throw new CliError(EXIT_FAILURE, failed.what, failed.why, `${programName} demo --memory`);
}

/** The real thing: two programs. */
async function inKernel(
  options: DemoOptions,
  folder: string,
  stage: Stage,
  actors: { stop(): void }[],
): Promise<Record<Role, number>> {
  const spawn = (role: Role, more: readonly string[]) => {
    const other = role === "host" ? "peer" : "host";
    const files = ["--send", join(folder, `from-${role}`), "--recv", join(folder, `from-${other}.copy`)];
    const plain = options.offload ? [] : ["--no-offload"];
    const args = [
      role,
      ...LAB[role],
      ...files,
      "--port",
      `${PORT}`,
      "--mtu",
      `${options.mtu}`,
      "--json",
      ...plain,
      ...more,
    ];
    const child = Bun.spawn(selfCommand(args), { env: ownEnvironment(), stdio: ["ignore", "inherit", "pipe"] });
    actors.push({ stop: () => child.kill("SIGTERM") });
    return { exited: child.exited, listening: listen(child.stderr, role, stage) };
  };
  const ready = stage.heard("host", "listen");
  const host = spawn("host", []);
  await Promise.race([ready, host.exited]);
  const capture = options.write === undefined ? [] : ["--write", options.write];
  const peer = spawn("peer", [...options.linkArguments, ...socketArguments(options), ...capture]);
  const first = await Promise.race([host.exited, peer.exited]);
  if (first !== EXIT_OK) {
    // Where one fails the other waits for it in vain, unless all had arrived and only a capture could not be written.
    await Promise.race([Promise.all([host.exited, peer.exited]), Bun.sleep(GRACE_MS)]);
    for (const actor of actors) actor.stop();
  }
  const [hostCode, peerCode] = await Promise.all([host.exited, peer.exited]);
  await Promise.all([host.listening, peer.listening]);
  return { host: hostCode, peer: peerCode };
}

/** Where the peer's link is reached, unless another demo's is. */
function socketArguments({ impairment }: DemoOptions): string[] {
  const socket = toldInside(DEMO_SOCKET) ?? controlPath("demo");
  return impairment === null || isHeard(socket) ? [] : ["--socket", socket];
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

/** The same two sides in this program, where there can be no TUN device. */
async function inMemory(
  options: DemoOptions,
  folder: string,
  stage: Stage,
  actors: { stop(): void }[],
): Promise<Record<Role, number>> {
  const { mtu, impairment } = options;
  const offload = options.offload && impairment === null ? FULL_OFFLOAD : NO_OFFLOAD;
  const [a, b] = pair({ names: ["host", "peer"], mtu, queueLength: 2000, offload });
  const [, socket] = socketArguments(options);
  const begin = async (role: Role) => {
    const voice = new Voice("json", (line) => stage.hear(role, line));
    const end = role === "host" ? a : impairment === null ? b : impaired(b, impairment);
    const path = role === "peer" ? options.write : undefined;
    const { device, capture } = captured(end, path, voice);
    const its = sessionFor(role, options, folder);
    const session = await Session.open(its, openEnds(its), device, voice);
    const endControl = await controlLink(end, socket, voice);
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
    // Both at once: either end takes the link away from the other.
    await Promise.all(sides.map(({ session }) => session.end()));
    for (const { close } of sides) if (!(await close())) codes.peer ||= EXIT_FAILURE;
  }
  return codes;
}

function sessionFor(role: Role, options: DemoOptions, folder: string): SessionOptions {
  const [tun, cidr, remote] = LAB[role];
  const nobody = () => undefined;
  const where: Endpoint = { ...endpoint(role, { tun, cidr, remote }, nobody), inMemory: true };
  return {
    endpoint: where,
    port: PORT,
    service: { kind: "pipe" },
    keep: false,
    max: undefined,
    simultaneous: false,
    fastOpen: false,
    timeout: undefined,
    send: join(folder, `from-${role}`),
    recv: join(folder, `from-${role === "host" ? "peer" : "host"}.copy`),
    listenOnly: false,
    ownPrefix: false,
    mtu: options.mtu,
    offload: options.offload,
    force: false,
    impairment: options.impairment,
    socket: undefined,
    write: undefined,
    events: undefined,
    explain: false,
    manner: "json",
  };
}

/** `tcpnet bench -s` and `-c`: a stack on a device, and the server or the client on it. */
import { hostname, release } from "node:os";
import type { Device } from "#device/device";
import { Client } from "#lab/bench/client";
import { JsonReport } from "#lab/bench/json-report";
import { BenchError, type BenchErrorKind } from "#lab/bench/protocol";
import type { Report } from "#lab/bench/run";
import { Server } from "#lab/bench/server";
import { StackTransport } from "#lab/bench/stack-transport";
import { TextReport } from "#lab/bench/text-report";
import { counted } from "#observe/units";
import { ConnectionError } from "#socket/connection-error";
import type { EngineStack } from "#socket/stack-types";
import type { SocketOptions } from "#socket/types";
import { version } from "../../package.json";
import { bracketed } from "./address-map.ts";
import {
  type BenchClientOptions,
  type BenchServerOptions,
  type BenchView,
  benchClientOptions,
  benchServerOptions,
} from "./bench-options.ts";
import { CliError } from "./cli-error.ts";
import type { Call } from "./commands.ts";
import { EXIT_CONNECT_TIMEOUT, EXIT_FAILURE, EXIT_NOT_READY, EXIT_OK, EXIT_SIGINT } from "./exit-codes.ts";
import { deviceGone, openFailure, transferFailure } from "./failure.ts";
import { LineQueue } from "./line-queue.ts";
import { controlLink } from "./link-control.ts";
import { floodFilterOf, tellNewDevice } from "./open-device.ts";
import { openStack, tellWhoIsWho } from "./open-stack.ts";
import { print, put, queueText, refuseClosedOutput, STDOUT } from "./print.ts";
import { tellFull, tellRefusals } from "./refusals.ts";
import type { DeviceOptions } from "./session-options.ts";
import { listenToSignals } from "./signals.ts";
import { speakWithoutWaiting } from "./terminal.ts";
import { Voice } from "./voice.ts";
import { withDevice } from "./with-device.ts";

const BACKLOG = 4096;
/** Bytes of results that may wait for a slow reader while the stack runs. */
const ROOM = 64 << 20;
/** Silence after which a data connection is given up, ms. */
const SILENCE_MIN_MS = 30_000;

/** What a server or client runs on. */
interface Site {
  readonly stack: EngineStack;
  readonly voice: Voice;
  /** Set by a signal: the exit code. */
  asked: number;
}

export function runClient(call: Call): Promise<number> {
  const options = benchClientOptions(call);
  return onStack(options, options.device, async (site) => {
    const { view, device, port, interval, patience } = options;
    const { endpoint: e } = device;
    const whole: unknown[] = [];
    const report = reportOf(view, "", (value) => whole.push(value));
    const transport = transportOf(options, site.stack, { hostname: `${e.remote}` });
    const client = new Client({ transport, parameters: options.parameters, report, interval, patience, version });
    const stop = listenToSignals(
      interruption(site, () => client.interrupt(new BenchError("terminated", "interrupted"))),
    );
    if (view === "text") writeLines([`Connecting to host ${e.remote}, port ${port}`]);
    try {
      await client.run();
      return EXIT_OK;
    } catch (error) {
      if (site.asked !== 0) return site.asked;
      throw clientFailure(error, options, client.isOpen);
    } finally {
      stop();
      await site.stack.close();
      for (const value of whole) print(`${JSON.stringify(value, null, 2)}\n`);
    }
  });
}

export function runServer(call: Call): Promise<number> {
  const options = benchServerOptions(call);
  return onStack(options, options.device, async (site) => {
    const { view, port, device, interval, patience, max, oneOff } = options;
    const { voice, stack } = site;
    const { endpoint: e } = device;
    let tests = 0;
    const server: Server = new Server({
      transport: transportOf(options, stack, {
        remote: e.remote === null ? undefined : `${e.remote}`,
        backlog: BACKLOG,
        listening: (listener) => {
          tellRefusals(voice, stack, listener, e.remote, "leave <remote> out to let anybody connect");
          tellFull(voice, listener, stack.engine.limits, BACKLOG);
        },
      }),
      report: () => {
        const name = `#${++tests} `;
        // Only if there are several must a line say whose it is.
        return reportOf(
          view,
          () => (server.active > 1 ? name : ""),
          (value) => writeJson(value),
        );
      },
      interval,
      max,
      oneOff,
      patience,
      warn: (kind, what) => voice.warn({ what, why: "", fix: "" }, kind),
    });
    const stop = listenToSignals(interruption(site, () => server.stop()));
    let gone = false;
    stack.closed.catch(() => {
      gone = true;
      server.stop();
    });
    if (view === "text") writeLines([`Server listening on ${bracketed(`${e.local}`, port)}; Ctrl-C ends it`]);
    voice.event(
      "listen",
      { local: bracketed(`${e.local}`, port) },
      `· waiting for tests at ${bracketed(`${e.local}`, port)}`,
    );
    try {
      await server.run();
    } finally {
      stop();
      await stack.close();
      voice.tellCounts();
    }
    const { served, failed } = server;
    const words = `served ${counted(served, "test")}${failed === 0 ? "" : `, ${failed} more did not end in order`}`;
    voice.event("served", { served, failed }, `· ${words}`);
    if (gone) throw deviceGone(e);
    if (site.asked !== 0) return site.asked;
    return server.failed === 0 ? EXIT_OK : EXIT_FAILURE;
  });
}

/** Opens device and stack, runs `work`, and closes what it has opened. */
async function onStack(
  options: BenchClientOptions | BenchServerOptions,
  device: DeviceOptions,
  work: (site: Site) => Promise<number>,
): Promise<number> {
  const { view, port } = options;
  refuseClosedOutput();
  const voice = new Voice(view === "text" ? "plain" : view === "quiet" ? "quiet" : "json");
  speakWithoutWaiting((lines) => voice.gap(lines));
  // The reader of results must not stop the stack.
  queueText(STDOUT, new LineQueue(STDOUT, (lines) => `${voice.gap(lines)}\n`, ROOM));
  return withDevice(
    device,
    () => null,
    async ({ device: opened, control, endpoint }) => {
      const stack = await openStack({ ...device, endpoint }, opened, { limits: {}, trace: 0 });
      const site: Site = { stack, voice, asked: 0 };
      const endControl = begin({ ...device, endpoint }, port, opened, site, control);
      try {
        return await work(site);
      } finally {
        endControl();
        await stack.close();
      }
    },
  );
}

function begin(
  device: DeviceOptions,
  port: number,
  opened: Device,
  { stack, voice }: Site,
  control: Parameters<typeof controlLink>[1],
): () => void {
  const { endpoint } = device;
  const name = endpoint.role === "host" ? "bench -s" : "bench -c";
  tellWhoIsWho(voice, name, device, port, stack.mtu, floodFilterOf(opened));
  if (endpoint.isNewDevice === true) tellNewDevice(endpoint.tun, voice);
  return controlLink(opened, control, voice);
}

function transportOf(
  { port, congestion, pacing, patience, device }: BenchClientOptions | BenchServerOptions,
  stack: EngineStack,
  more: Partial<ConstructorParameters<typeof StackTransport>[0]>,
): StackTransport {
  const silence = Math.max(patience, SILENCE_MIN_MS);
  const socket: SocketOptions = {
    userTimeout: silence,
    keepAlive: { idle: silence / 2, interval: silence / 10, count: 5 },
    timestamps: device.strictTimestamps ? "strict" : true,
    ...(congestion === undefined ? {} : { cc: congestion }),
    ...(pacing === undefined ? {} : { pacing }),
  };
  return new StackTransport({ stack, port, socket, timeout: patience, ...more });
}

function interruption(site: Site, end: () => void): Parameters<typeof listenToSignals>[0] {
  const stop = (code: number) => {
    site.asked = code;
    end();
  };
  return { close: () => stop(EXIT_SIGINT), abort: stop, figures: () => {}, reopen: () => false };
}

/** @param name goes before each line. @param whole takes the JSON object of a whole test */
function reportOf(view: BenchView, name: string | (() => string), whole: (value: unknown) => void): Report {
  const prefix = typeof name === "string" ? () => name : name;
  if (view === "text" || view === "quiet") {
    return new TextReport(
      (lines) => writeLines(lines.map((line) => (line === "" ? "" : prefix() + line))),
      view === "text",
    );
  }
  const stream = view === "json-stream";
  const system = `Linux ${hostname()} ${release()}`;
  return new JsonReport({ print: stream ? writeJson : whole, stream, version: `tcpnet ${version}`, system });
}

function writeLines(lines: readonly string[]): void {
  if (lines.length > 0) put(STDOUT, `${lines.join("\n")}\n`);
}

function writeJson(value: unknown): void {
  put(STDOUT, `${JSON.stringify(value)}\n`);
}

const CODES: Partial<Record<BenchErrorKind, number>> = { silent: EXIT_CONNECT_TIMEOUT, busy: EXIT_NOT_READY };

/** Why a test could not be run, or ended early. */
function clientFailure(error: unknown, { device, port }: BenchClientOptions, isOpen: boolean): unknown {
  const { endpoint: e } = device;
  if (error instanceof ConnectionError)
    return isOpen ? transferFailure(error, e) : openFailure(error, null, e, "server (bench -s)");
  if (!(error instanceof BenchError)) return error;
  const where = bracketed(`${e.remote}`, port);
  const code = CODES[error.kind] ?? EXIT_FAILURE;
  switch (error.kind) {
    case "busy":
      return new CliError(
        code,
        error.message,
        `${where} runs one test at a time, or as many as it may`,
        "try again later",
      );
    case "unsupported":
      return new CliError(code, `${where} cannot run this test`, error.message, "start tcpnet bench -s there");
    case "silent":
    case "protocol":
      return new CliError(
        code,
        `${where} does not answer as an iperf3 server does`,
        error.message,
        "is another program using this port?",
      );
    default:
      return new CliError(code, `${where} ended the test`, error.message);
  }
}

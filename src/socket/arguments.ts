/** Checks the arguments of the public calls, so that mistakes in plain JavaScript get a readable error instead of a TypeError. */
import { suggest } from "#base/suggest";
import { DEFAULT_LIMITS } from "#stack/limits";
import { DEFAULT_PARAMS, DEFAULT_SETTINGS, type TcpSettings } from "#tcp/words/params";
import { PROFILE_NAMES } from "#tcp/words/profiles";
import { SEND_MORE, SEND_RECORD, SEND_URGENT } from "#tcp/words/send-flags";
import { checkDevice, checkObject, invalid, type Kind, shown, type Table, unknownName, whole } from "./checks.ts";
import type { StackGroupOptions } from "./stack-group.ts";
import type { DeviceStackOptions, HostedStackOptions, StackSettings } from "./stack-types.ts";
import type {
  ChangeableOptions,
  ConnectOptions,
  ListenOptions,
  SocketHandlers,
  SocketOptions,
  WriteOptions,
} from "./types.ts";

const SOCKET = {
  nodelay: "true or false",
  cc: "a text",
  pacing: "true, false or a number",
  mss: "a number",
  userTimeout: "a number",
  keepAlive: "true, false or an object",
  receiveBuffer: "a number",
  sendBuffer: "a number",
  sack: "true or false",
  timestamps: 'true, false or "strict"',
  windowScale: "true or false",
  allowHalfOpen: "true or false",
  idleTimeout: "a number",
  linger: "a number",
  socket: "an object",
  params: "an object",
} satisfies Record<keyof SocketOptions, Kind>;

const CHANGES = {
  nodelay: SOCKET.nodelay,
  cc: SOCKET.cc,
  pacing: SOCKET.pacing,
  userTimeout: SOCKET.userTimeout,
  keepAlive: SOCKET.keepAlive,
  receiveBuffer: SOCKET.receiveBuffer,
  sendBuffer: SOCKET.sendBuffer,
  allowHalfOpen: SOCKET.allowHalfOpen,
  idleTimeout: SOCKET.idleTimeout,
  linger: SOCKET.linger,
} satisfies Record<keyof ChangeableOptions, Kind>;

const CONNECT = {
  ...SOCKET,
  localAddress: "a text",
  localPort: "a number",
  signal: "an AbortSignal",
  timeout: "a number",
  resolve: "a function",
  earlyData: "a Uint8Array",
  fastOpen: "true or false",
} satisfies Record<keyof ConnectOptions, Kind>;

const LISTEN = {
  ...SOCKET,
  port: "a number",
  hostname: "a text",
  remote: "a text",
  remotePort: "a number",
  backlog: "a number",
  fastOpen: "true, false or a number",
} satisfies Record<keyof ListenOptions, Kind>;

const STACK = {
  address: "a text or an array of texts",
  kernelAddress: "a text or an array of texts",
  owned: "a text",
  seed: "a number",
  resolve: "a function",
  dns: "false or an object",
  profile: "a text",
  params: "an object",
  limits: "an object",
  trace: "a number",
  device: "an object",
  clock: "a function",
  host: "a function",
  mtu: "a number",
} satisfies Record<keyof (DeviceStackOptions & HostedStackOptions), Kind>;

const { device: _device, clock: _clock, host: _host, mtu: _mtu, ...SETTINGS } = STACK;

const GROUP = {
  ...SETTINGS,
  tun: "an object",
  queues: "a number",
  worker: "a text or a URL",
  data: "anything",
} satisfies Record<keyof StackGroupOptions, Kind>;

const HANDLERS = {
  open: "a function",
  data: "a function",
  drain: "a function",
  timeout: "a function",
  end: "a function",
  close: "a function",
  error: "a function",
} satisfies Record<keyof SocketHandlers, Kind>;

const WRITE = {
  more: "true or false",
  record: "true or false",
  urgent: "true or false",
} satisfies Record<keyof WriteOptions, Kind>;

const KEEP_ALIVE = { idle: "a number", interval: "a number", count: "a number" } satisfies Table;

/** @throws CallError EINVAL. */
export function checkConnectOptions(options: unknown): asserts options is ConnectOptions {
  checkObject("connect's second argument", options, CONNECT, "{ timeout: 5000 }");
  checkSocketOptions(options as SocketOptions);
}

/** @throws CallError EINVAL. */
export function checkAcceptOptions(options: unknown): asserts options is SocketOptions {
  checkObject("accept's argument", options, SOCKET, "{ nodelay: true }");
  checkSocketOptions(options as SocketOptions);
}

/** @throws CallError EINVAL. */
export function checkChanges(options: unknown): asserts options is ChangeableOptions {
  if (typeof options === "object" && options !== null) {
    const late = Object.keys(options).find((name) => !Object.hasOwn(CHANGES, name) && Object.hasOwn(CONNECT, name));
    if (late !== undefined) throw invalid(`${late} cannot be changed any more: give it to connect or listen`);
  }
  checkObject("setOptions' argument", options, CHANGES, "{ nodelay: true }");
  checkSocketOptions(options as SocketOptions);
}

/** @throws CallError EINVAL. */
export function checkListenOptions(options: unknown): asserts options is ListenOptions {
  checkObject("listen's argument", options, LISTEN, "{ port: 7000 }");
  if ((options as ListenOptions).port === undefined) throw invalid("listen needs a port: use listen({ port: 7000 })");
  checkSocketOptions(options as SocketOptions);
}

/** @throws CallError EINVAL. */
export function checkStackOptions(options: unknown): asserts options is DeviceStackOptions | HostedStackOptions {
  const example = '{ device: openTun({ name: "tun0" }), address: "10.0.0.7/24" }';
  if (typeof options === "object" && options !== null && "device" in options) checkDevice(options.device);
  checkObject("createStack's argument", options, STACK, example);
  const given = options as Partial<DeviceStackOptions & HostedStackOptions>;
  if (given.device === undefined && given.host === undefined) {
    throw invalid(`createStack needs a device: use createStack(${example})`);
  }
  if (given.device !== undefined && given.host !== undefined) {
    throw invalid("createStack takes a device or a host, not both");
  }
  if (given.address === undefined) throw invalid("a stack needs an address, such as 10.0.0.7/24");
  if (given.mtu !== undefined) whole("mtu", given.mtu, 68, 65_535);
  checkSettings(given);
}

/** @throws CallError EINVAL. */
export function checkGroupOptions(options: unknown): asserts options is StackGroupOptions {
  const example =
    '{ tun: { name: "tun0" }, queues: 2, worker: new URL("./worker.ts", import.meta.url), address: "10.0.0.7/24" }';
  checkObject("createStackGroup's argument", options, GROUP, example);
  const given = options as Partial<StackGroupOptions>;
  for (const name of ["tun", "queues", "worker", "address"] as const) {
    if (given[name] === undefined) throw invalid(`createStackGroup needs ${name}: use createStackGroup(${example})`);
  }
  checkSettings(given);
}

function checkSettings(given: Partial<StackSettings>): void {
  if (given.seed !== undefined) whole("seed", given.seed, 0, 0xffff_ffff);
  if (given.trace !== undefined) whole("trace", given.trace, 0, 1 << 24);
  if (given.profile !== undefined && !PROFILE_NAMES.includes(given.profile)) {
    const near = suggest(given.profile, PROFILE_NAMES);
    const advice = near === undefined ? `there are ${PROFILE_NAMES.join(", ")}` : `did you mean "${near}"?`;
    throw invalid(`there is no profile ${shown(given.profile)}: ${advice}`);
  }
  checkParams(given.params);
  if (given.limits !== undefined) checkLimits(given.limits);
}

/** @throws CallError EINVAL. */
export function checkResolveOptions(name: unknown, options: unknown): void {
  if (typeof name !== "string") throw invalid(`resolve needs a name such as "example.org", not ${shown(name)}`);
  checkObject(
    "resolve's second argument",
    options,
    { signal: "an AbortSignal" },
    "{ signal: AbortSignal.timeout(500) }",
  );
}

/** The options of a write as SEND_* bits. @throws CallError EINVAL. */
export function sendFlags(options: unknown): number {
  checkObject("write's last argument", options, WRITE, "{ more: true }");
  const { more, record, urgent } = options as WriteOptions;
  return (more ? SEND_MORE : 0) | (record ? SEND_RECORD : 0) | (urgent ? SEND_URGENT : 0);
}

/** The arguments of writeFrom. @throws CallError EINVAL. */
export function checkFill(fill: unknown, n: unknown): void {
  if (typeof fill !== "function")
    throw invalid(`the first argument of writeFrom must be a function, not ${shown(fill)}`);
  whole("the second argument of writeFrom", n, 1, Number.MAX_SAFE_INTEGER);
}

/** What the function of writeFrom returned. @throws CallError EINVAL. */
export function checkFilled(n: unknown): number {
  if (Number.isInteger(n)) return n as number;
  throw invalid(
    `the function of writeFrom must return how many octets it has filled, not ${shown(n)}; it cannot be async`,
  );
}

function checkSocketOptions({ keepAlive, params, socket }: SocketOptions): void {
  if (socket !== undefined) checkObject("socket", socket, HANDLERS, "{ data(socket, bytes) {} }");
  if (typeof keepAlive === "object") checkObject("keepAlive", keepAlive, KEEP_ALIVE, "{ idle: 60000 }");
  checkParams(params);
}

/** Parameters, policies, and single fields of policies. */
const KNOWN: Readonly<Record<string, unknown>> = { ...DEFAULT_PARAMS, ...DEFAULT_SETTINGS };

/** Checks the engine's parameters: each must have the type of its default. */
function checkParams(params: TcpSettings | undefined): void {
  if (params === undefined) return;
  for (const [name, value] of Object.entries(params)) {
    if (!Object.hasOwn(KNOWN, name)) throw unknownName("params", name, Object.keys(KNOWN));
    if (value !== undefined) checkSetting(`params.${name}`, value, KNOWN[name]);
  }
}

function checkSetting(name: string, value: unknown, like: unknown): void {
  const type = typeof like;
  if (typeof value !== type || value === null || (type === "number" && !Number.isFinite(value))) {
    throw invalid(`${name} must be ${KINDS[type]}, not ${shown(value)}`);
  }
  // A policy has all its fields.
  if (type === "object") {
    for (const [field, other] of Object.entries(like as object)) {
      checkSetting(`${name}.${field}`, (value as Readonly<Record<string, unknown>>)[field], other);
    }
  }
}

const KINDS: Readonly<Record<string, string>> = {
  boolean: "true or false",
  string: "a text",
  number: "a number",
  object: "an object",
};

const MAY_BE_ZERO: ReadonlySet<string> = new Set(["connectionsPerSource", "halfOpenInFull"]);

function checkLimits(limits: object): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw unknownName("limits", name, Object.keys(DEFAULT_LIMITS));
    const least = name === "memory" ? MEMORY_MIN : MAY_BE_ZERO.has(name) ? 0 : 1;
    if (value !== undefined) whole(`limits.${name}`, value, least, 1 << 30);
  }
}

/** The least memory: enough for what a stack reserves when it is made. */
export const MEMORY_MIN = 4 << 20;

import type { Flow, HeldEcho, HeldSyn, Interception as Intercepting } from "#stack/interception";
import { withSettings } from "#tcp/words/params";
import { checkAcceptOptions } from "./arguments.ts";
import { checkBytes, checkObject, invalid, type Kind, shown, whole } from "./checks.ts";
import { endpointOf } from "./endpoint.ts";
import type {
  Attempt,
  EchoRequest,
  Interception,
  InterceptOptions,
  UdpFlow,
  UdpFlowHandlers,
  Unreachable,
} from "./intercept-types.ts";
import { microseconds, paramsOf } from "./options.ts";
import type { SocketContext } from "./socket-context.ts";
import { TcpSocket } from "./tcp-socket.ts";
import { traitsOf } from "./traits.ts";
import type { Endpoint, Socket, SocketOptions } from "./types.ts";

const ATTEMPTS = 1024;
const FLOWS = 1024;
const FLOW_IDLE_MS = 120_000;

const OPTIONS = {
  tcp: "a function",
  udp: "a function",
  echo: "a function",
  error: "a function",
  attempts: "a number",
  flows: "a number",
  flowIdle: "a number",
} satisfies Record<keyof InterceptOptions, Kind>;

const HANDLERS = {
  data: "a function",
  drain: "a function",
  close: "a function",
} satisfies Record<keyof UdpFlowHandlers, Kind>;

const REASONS: readonly Unreachable[] = ["network", "host", "prohibited", "port"];

/** What is sent to addresses and ports that nobody here has, for the application's handlers. */
export class NetInterception implements Interception {
  readonly #context: SocketContext;
  readonly #engine: Intercepting;
  readonly #options: InterceptOptions;
  /** Called once, at the end. */
  readonly #onClose: () => void;
  #isOver = false;

  constructor(context: SocketContext, options: InterceptOptions, onClose: () => void) {
    checkObject("intercept's argument", options, OPTIONS, "{ tcp(attempt) { attempt.refuse() } }");
    const { tcp, udp, echo, attempts = ATTEMPTS, flows = FLOWS, flowIdle = FLOW_IDLE_MS } = options;
    if (tcp === undefined && udp === undefined && echo === undefined) {
      throw invalid("intercept needs a handler: tcp, udp or echo");
    }
    const limits = {
      syns: whole("attempts", attempts, 1, 65_536),
      flows: whole("flows", flows, 1, 65_536),
      flowIdle: microseconds("flowIdle", flowIdle),
    };
    this.#context = context;
    this.#engine = context.engine.interception;
    this.#options = options;
    this.#onClose = onClose;
    this.#engine.begin({
      syns: tcp === undefined ? 0 : limits.syns,
      flows: udp === undefined ? 0 : limits.flows,
      flowIdle: limits.flowIdle,
      echoes: echo !== undefined,
    });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#engine.end();
    this.#tellEnded();
    this.#onClose();
  }

  /** Handles what the engine has intercepted since the last turn. */
  onEvents(): void {
    const { tcp, udp, echo } = this.#options;
    this.#tellEnded();
    for (let next = this.#engine.nextSyn(); next !== undefined; next = this.#engine.nextSyn()) {
      this.#call(tcp, new HeldAttempt(this.#context, next));
    }
    for (let next = this.#engine.nextFlow(); next !== undefined; next = this.#engine.nextFlow()) {
      const flow = new NetFlow(this.#context, next, this.#thrown);
      if (!flow.closed) this.#call(udp, flow);
    }
    for (let next = this.#engine.nextEcho(); next !== undefined; next = this.#engine.nextEcho()) {
      this.#call(echo, new HeldRequest(this.#context, next));
    }
  }

  #tellEnded(): void {
    for (let next = this.#engine.nextEnded(); next !== undefined; next = this.#engine.nextEnded()) {
      if (next.user instanceof NetFlow) next.user.ended();
    }
  }

  /** An exception of the application must not end the engine's turn. */
  #call<T>(handler: ((what: T) => void) | undefined, what: T): void {
    try {
      handler?.call(this.#options, what);
    } catch (error) {
      this.#thrown(error);
    }
  }

  readonly #thrown = (error: unknown): void => {
    queueMicrotask(() => {
      if (this.#options.error === undefined) throw error;
      this.#options.error(error);
    });
  };
}

class HeldAttempt implements Attempt {
  readonly #context: SocketContext;
  readonly #held: HeldSyn;

  constructor(context: SocketContext, held: HeldSyn) {
    this.#context = context;
    this.#held = held;
  }

  get source(): Endpoint {
    return endpointOf(this.#held.ends.remote, this.#held.ends.remotePort);
  }

  get destination(): Endpoint {
    return endpointOf(this.#held.ends.local, this.#held.ends.localPort);
  }

  get isOver(): boolean {
    return !this.#held.isOpen;
  }

  accept(options: SocketOptions = {}): Socket | null {
    checkAcceptOptions(options);
    const { engine, host } = this.#context;
    const params = withSettings(engine.params, paramsOf(options));
    const tcb = engine.interception.accept(this.#held, params, host.now());
    if (tcb === null) return null;
    host.wake();
    return new TcpSocket(this.#context, tcb, traitsOf(options));
  }

  refuse(): void {
    this.#context.engine.interception.refuse(this.#held);
    this.#context.host.wake();
  }

  unreachable(why: Unreachable = "host"): void {
    checkReason(why);
    this.#context.engine.interception.unreachable(this.#held, why, this.#context.host.now());
    this.#context.host.wake();
  }

  drop(): void {
    this.#context.engine.interception.drop(this.#held);
  }
}

/** A flow on top of the stack's. */
export class NetFlow implements UdpFlow {
  data: unknown = undefined;
  readonly #context: SocketContext;
  readonly #flow: Flow;
  readonly #thrown: (error: unknown) => void;
  #handlers: UdpFlowHandlers | null = null;
  #wantsRoom = false;

  constructor(context: SocketContext, flow: Flow, thrown: (error: unknown) => void) {
    this.#context = context;
    this.#flow = flow;
    this.#thrown = thrown;
    context.engine.datagrams.own(flow, this);
  }

  get source(): Endpoint {
    return endpointOf(this.#flow.remote!, this.#flow.remotePort);
  }

  get destination(): Endpoint {
    return endpointOf(this.#flow.local!, this.#flow.port);
  }

  get closed(): boolean {
    return this.#flow.isClosed;
  }

  get dropped(): number {
    return this.#context.engine.datagrams.dropped(this.#flow);
  }

  accept(handlers: UdpFlowHandlers): void {
    checkObject("accept's argument", handlers, HANDLERS, "{ data(flow, bytes) {} }");
    this.#handlers = handlers;
    this.onEvents();
  }

  send(data: Uint8Array): boolean {
    checkBytes("the data of a datagram", data);
    const { engine, host } = this.#context;
    const sent = engine.datagrams.sendBack(this.#flow, data, host.now());
    if (sent) host.wake();
    else this.#wantsRoom = true;
    return sent;
  }

  unreachable(why: Unreachable = "port"): void {
    checkReason(why);
    this.#context.engine.interception.flowUnreachable(this.#flow, why, this.#context.host.now());
    this.#context.host.wake();
    this.close();
  }

  close(): void {
    this.#context.engine.interception.endFlow(this.#flow);
  }

  /** It ended by itself. */
  ended(): void {
    this.#call(() => this.#handlers?.close?.(this));
  }

  /** Datagrams came, or there is room to send. */
  onEvents(): void {
    const { datagrams } = this.#context.engine;
    const flow = this.#flow;
    const handlers = this.#handlers;
    if (handlers === null) return;
    while (!flow.isClosed && datagrams.waiting(flow) > 0) {
      const view = datagrams.view(flow);
      this.#call(() => handlers.data?.(this, view));
      if (!flow.isClosed) datagrams.discard(flow);
    }
    if (flow.isClosed || !this.#wantsRoom || datagrams.waitsForRoom(flow)) return;
    this.#wantsRoom = false;
    this.#call(() => handlers.drain?.(this));
  }

  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#thrown(error);
    }
  }
}

class HeldRequest implements EchoRequest {
  readonly #context: SocketContext;
  readonly #echo: HeldEcho;

  constructor(context: SocketContext, echo: HeldEcho) {
    this.#context = context;
    this.#echo = echo;
  }

  get source(): string {
    return this.#echo.source.toString();
  }

  get destination(): string {
    return this.#echo.destination.toString();
  }

  get identifier(): number {
    return this.#echo.identifier;
  }

  get sequence(): number {
    return this.#echo.sequence;
  }

  get data(): Uint8Array {
    return this.#echo.data;
  }

  reply(): boolean {
    const answered = this.#context.engine.interception.answerEcho(this.#echo);
    this.#context.host.wake();
    return answered;
  }

  unreachable(why: Unreachable = "host"): void {
    checkReason(why);
    this.#context.engine.interception.echoUnreachable(this.#echo, why, this.#context.host.now());
    this.#context.host.wake();
  }
}

function checkReason(why: unknown): asserts why is Unreachable {
  if (!REASONS.includes(why as Unreachable)) {
    throw invalid(`a destination is unreachable as ${REASONS.map(shown).join(", ")}, not ${shown(why)}`);
  }
}

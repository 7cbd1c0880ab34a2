/** Agents of `node:http` and `node:https`, and undici's way, whose connections are a stack's. */
import { Agent, type AgentOptions } from "node:http";
import { Agent as SecureAgent, type AgentOptions as SecureAgentOptions } from "node:https";
import { connect as secure, type TLSSocket } from "node:tls";
import type { NetStack } from "#socket/stack-types";
import type { LookupFunction, TcpConnectOptions } from "./call-arguments.ts";
import { checkNames, checkStack } from "./errors.ts";
import { isIP } from "./ip.ts";
import { Socket } from "./socket.ts";

/** A connection of `stack`, in the way that agents ask for one. */
function connection(stack: NetStack, options: TcpConnectOptions): Socket {
  const { host, port, lookup, localAddress, localPort, family } = options;
  const socket = new Socket({ stack, noDelay: true });
  return socket.connect({ host, port, lookup, localAddress, localPort, family });
}

/** The name that a server must prove to be. An address is no such name (RFC 6066 §3). */
function serverName(host: string | undefined, servername: unknown): string {
  if (typeof servername === "string") return servername;
  return host === undefined || isIP(host) !== 0 ? "" : host;
}

/** An agent for `http.request({ agent })`. It keeps connections as Node's does (`{ keepAlive: true }`). */
export function httpAgent(stack: NetStack, options: AgentOptions = {}): Agent {
  checkStack("stack", stack);
  const agent = new Agent(options);
  return Object.assign(agent, {
    createConnection: (wanted: TcpConnectOptions) => connection(stack, wanted),
  });
}

/** An agent for `https.request({ agent })`. Options of `tls.connect`, such as `ca`, may be given to it. */
export function httpsAgent(stack: NetStack, options: SecureAgentOptions = {}): SecureAgent {
  checkStack("stack", stack);
  const agent = new SecureAgent(options);
  return Object.assign(agent, {
    createConnection: (wanted: TcpConnectOptions & { servername?: string }) => {
      const servername = serverName(wanted.host, wanted.servername);
      return secure({
        ...options,
        ...wanted,
        path: undefined,
        servername,
        socket: connection(stack, wanted),
      } as object);
    },
  });
}

/** What undici asks its `connect` for. */
export interface UndiciConnectOptions {
  readonly hostname: string;
  readonly host?: string;
  readonly port: string;
  readonly protocol: string;
  readonly servername?: string | null | undefined;
  readonly localAddress?: string | null | undefined;
}

/** Options for the connections of `undiciConnect`. */
export interface UndiciConnectSettings {
  readonly lookup?: LookupFunction | undefined;
  /** Options of `tls.connect`, such as `ca` and `rejectUnauthorized`. */
  readonly tls?: object | undefined;
}

type UndiciCallback = (error: Error | null, socket: Socket | TLSSocket | null) => void;

/** For `new Agent({ connect: undiciConnect(stack) })` of undici. */
export function undiciConnect(
  stack: NetStack,
  settings: UndiciConnectSettings = {},
): (options: UndiciConnectOptions, callback: UndiciCallback) => Socket | TLSSocket {
  checkStack("stack", stack);
  checkNames("undiciConnect", settings, ["lookup", "tls"]);
  return ({ hostname, port, protocol, servername, localAddress }, callback) => {
    const isSecure = protocol === "https:";
    const host = hostname.replace(/^\[|\]$/g, "");
    const { lookup } = settings;
    const wanted = { host, port: port || (isSecure ? 443 : 80), lookup, localAddress: localAddress ?? undefined };
    const plain = connection(stack, wanted);
    const name = serverName(host, servername);
    const tls = { ALPNProtocols: ["http/1.1"], ...settings.tls, host, servername: name, socket: plain };
    const socket = isSecure ? secure(tls as object) : plain;
    const failed = (error: Error) => callback(error, null);
    socket.once("error", failed);
    socket.once(isSecure ? "secureConnect" : "connect", () => {
      socket.removeListener("error", failed);
      callback(null, socket);
    });
    return socket;
  };
}

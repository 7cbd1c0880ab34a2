/** `fetch` over a stack: HTTP/1.1 by `node:http` and `node:https`, whose agents connect over the stack. */
import { type Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { NetStack } from "#socket/stack-types";
import { httpAgent, httpsAgent } from "./agents.ts";
import type { LookupFunction } from "./call-arguments.ts";
import { checkNames, checkStack } from "./errors.ts";

/** Options of `nodeFetch`. */
export interface FetchOptions {
  /** Resolves names. Default: the stack does. */
  readonly lookup?: LookupFunction | undefined;
  /** Options of `tls.connect`, such as `ca` and `rejectUnauthorized`. */
  readonly tls?: object | undefined;
  /** Connections to one host at the same time. Default: no limit. */
  readonly maxSockets?: number | undefined;
}

/** `fetch`, and the end of its connections. */
export interface StackFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Ends the connections that wait for another request, and those that are used. */
  close(): void;
}

/** The fetch standard's limit. */
const REDIRECTS_MAX = 20;

/** What a request is, besides where it goes to. */
interface Question {
  method: string;
  readonly headers: Headers;
  /** Options of `tls.connect`. */
  readonly tls: object;
  /** Octets can be sent again after a redirect, a stream cannot. */
  body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/**
 * A `fetch` whose connections are those of `stack`. Connections are kept for further requests until `close`. As Bun's, it takes options of
 * `tls.connect` for one request: `fetch(url, { tls: { ca } })`.
 */
export function nodeFetch(stack: NetStack, options: FetchOptions = {}): StackFetch {
  checkStack("stack", stack);
  checkNames("nodeFetch", options, ["lookup", "tls", "maxSockets"]);
  const { lookup, tls, maxSockets } = options;
  const pool = { keepAlive: true, ...(maxSockets === undefined ? {} : { maxSockets }) };
  const agents = { "http:": httpAgent(stack, pool), "https:": httpsAgent(stack, { ...pool, ...tls }) };
  const get = (url: URL, question: Question, signal: AbortSignal) => {
    const agent = agents[url.protocol as keyof typeof agents];
    if (agent === undefined) throw new TypeError(`fetch over a stack takes http: and https: URLs, not ${url.protocol}`);
    return answerOf(url, question, signal, { agent, lookup });
  };
  const call = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as string, init);
    request.signal.throwIfAborted();
    return follow(request, await questionOf(request, init), get);
  };
  return Object.assign(call, {
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  });
}

async function questionOf(request: Request, init: RequestInit | undefined): Promise<Question> {
  const headers = new Headers(request.headers);
  for (const [name, value] of [
    ["accept", "*/*"],
    ["accept-encoding", "gzip, deflate, br"],
    ["user-agent", "tcpnet"],
  ] as const) {
    if (!headers.has(name)) headers.set(name, value);
  }
  // Bun does not tell it of a text.
  if (typeof init?.body === "string" && !headers.has("content-type")) {
    headers.set("content-type", "text/plain;charset=UTF-8");
  }
  const streams = init?.body instanceof ReadableStream;
  const body = request.body === null ? null : streams ? request.body : new Uint8Array(await request.arrayBuffer());
  const { tls = {} } = (init ?? {}) as { readonly tls?: object };
  return { method: request.method, headers, tls, body };
}

type Get = (url: URL, question: Question, signal: AbortSignal) => Promise<IncomingMessage>;

/** Follows redirects as the fetch standard says (§4.4, HTTP-redirect fetch). */
async function follow(request: Request, question: Question, get: Get): Promise<Response> {
  const { redirect, signal } = request;
  let url = new URL(request.url);
  for (let redirects = 0; ; redirects++) {
    const message = await get(url, question, signal);
    const location = redirected(message) ? message.headers.location : undefined;
    if (location === undefined || redirect === "manual") {
      try {
        return responseOf(message, url, redirects > 0, question, signal);
      } catch (error) {
        // A status above 599, for example, which no Response can have.
        message.destroy();
        throw failed(error);
      }
    }
    message.destroy();
    if (redirect === "error") throw failed(new Error(`${url} redirects to ${location}`));
    if (redirects === REDIRECTS_MAX) throw failed(new Error(`more than ${REDIRECTS_MAX} redirects`));
    const next = new URL(location, url);
    adapt(question, message.statusCode!, next.origin === url.origin);
    url = next;
  }
}

const redirected = ({ statusCode }: IncomingMessage) => [301, 302, 303, 307, 308].includes(statusCode ?? 0);

/** What is asked after a redirect. */
function adapt(question: Question, status: number, sameOrigin: boolean): void {
  const { headers, method } = question;
  const asGet = status === 303 ? method !== "GET" && method !== "HEAD" : status < 303 && method === "POST";
  if (asGet) {
    question.method = "GET";
    question.body = null;
    for (const name of ["content-encoding", "content-language", "content-length", "content-location", "content-type"]) {
      headers.delete(name);
    }
  } else if (question.body instanceof ReadableStream) {
    throw failed(new Error("a redirect asks for the body again, which was a stream"));
  }
  if (!sameOrigin) for (const name of ["authorization", "cookie", "host", "proxy-authorization"]) headers.delete(name);
}

interface Way {
  readonly agent: Agent;
  readonly lookup: LookupFunction | undefined;
}

async function answerOf(url: URL, question: Question, signal: AbortSignal, way: Way): Promise<IncomingMessage> {
  for (let again = false; ; again = true) {
    const request = ask(url, question, way);
    try {
      return await sent(request, question, signal);
    } catch (error) {
      signal.throwIfAborted();
      // The server may close a connection that waits just when it is used again (RFC 9112 §9.3.1).
      const repeats = request.reusedSocket && /^(?:GET|HEAD|OPTIONS|PUT|DELETE)$/.test(question.method);
      if (again || !repeats || question.body instanceof ReadableStream) throw failed(error);
    }
  }
}

function ask(url: URL, { method, headers, tls, body }: Question, { agent, lookup }: Way): ClientRequest {
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const fields: Record<string, string> = { host: url.host, ...Object.fromEntries(headers) };
  if (body instanceof Uint8Array) fields["content-length"] = `${body.length}`;
  else if (body === null && /^(?:POST|PUT|PATCH)$/.test(method)) fields["content-length"] = "0";
  const login =
    url.username === "" ? {} : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` };
  return (isSecure ? secureRequest : plainRequest)({
    ...(isSecure ? tls : {}),
    host,
    port: url.port || (isSecure ? 443 : 80),
    path: `${url.pathname}${url.search}`,
    method,
    headers: fields,
    agent,
    ...login,
    ...(lookup === undefined ? {} : { lookup: lookup as never }),
  });
}

/** Sends the body; resolves with the head of the answer. */
function sent(request: ClientRequest, { body }: Question, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      request.destroy(signal.reason);
      reject(signal.reason);
    };
    const settled = () => signal.removeEventListener("abort", abort);
    request.on("response", (message: IncomingMessage) => {
      settled();
      resolve(message);
    });
    request.on("error", (error) => {
      settled();
      reject(error);
    });
    // Without an error where the server switches to another protocol.
    request.on("close", () => {
      settled();
      reject(new Error("the connection ended without an answer"));
    });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    if (body instanceof ReadableStream) {
      const source = Readable.fromWeb(body as never);
      source.on("error", (error) => request.destroy(error));
      source.pipe(request);
    } else if (body === null) request.end();
    else request.end(body);
  });
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

function responseOf(
  message: IncomingMessage,
  url: URL,
  redirects: boolean,
  question: Question,
  signal: AbortSignal,
): Response {
  const headers = new Headers();
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    headers.append(message.rawHeaders[i]!, message.rawHeaders[i + 1]!);
  const status = message.statusCode!;
  const empty = question.method === "HEAD" || [204, 205, 304].includes(status);
  if (empty) message.resume();
  const body = empty ? null : bodyOf(message, headers.get("content-encoding") ?? "", signal);
  const response = new Response(body, { status, statusText: message.statusMessage ?? "", headers });
  Object.defineProperties(response, { url: { value: url.href }, redirected: { value: redirects } });
  return response;
}

/** The body as a stream whose reader holds back the server. Aborting ends it, and the connection. */
function bodyOf(message: IncomingMessage, coding: string, signal: AbortSignal): ReadableStream<Uint8Array> {
  const decoder = DECODERS[coding.trim().toLowerCase()]?.();
  const stream: Readable = decoder === undefined ? message : message.pipe(decoder);
  if (decoder !== undefined) {
    message.on("error", (error) => stream.destroy(error));
    stream.on("close", () => message.destroy());
  }
  const abort = () => {
    stream.destroy(signal.reason);
    message.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  stream.on("close", () => signal.removeEventListener("abort", abort));
  return Readable.toWeb(stream) as unknown as ReadableStream<Uint8Array>;
}

function failed(cause: unknown): TypeError {
  return new TypeError("fetch failed", { cause });
}

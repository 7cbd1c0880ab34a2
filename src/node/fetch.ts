/** `fetch` over a stack: HTTP/1.1 by `node:http` and `node:https`, whose agents connect over the stack. */
import { type Agent, type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { Readable } from "node:stream";
import type { NetStack } from "#socket/stack-types";
import { httpAgent, httpsAgent } from "./agents.ts";
import type { LookupFunction } from "./call-arguments.ts";
import { checkNames, checkStack } from "./errors.ts";
import { responseOf } from "./fetch-response.ts";
import { FetchSignal } from "./fetch-signal.ts";

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
  const get = (url: URL, question: Question, signal: FetchSignal) => {
    const agent = agents[url.protocol as keyof typeof agents];
    if (agent === undefined) throw new TypeError(`fetch over a stack takes http: and https: URLs, not ${url.protocol}`);
    return answerOf(url, question, signal, { agent, lookup });
  };
  const call = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    // A copy would be one more reader of a stream in Bun, which then could not be cancelled.
    const request = input instanceof Request && init === undefined ? input : new Request(input as string, init);
    const signal = new FetchSignal(request, input);
    signal.throwIfAborted();
    return follow(request, await questionOf(request, init, signal), signal, get);
  };
  return Object.assign(call, {
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  });
}

async function questionOf(request: Request, init: RequestInit | undefined, signal: FetchSignal): Promise<Question> {
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
  const { body: given } = request;
  const body = given === null || init?.body instanceof ReadableStream ? given : await octetsOf(given, signal);
  const { tls = {} } = (init ?? {}) as { readonly tls?: object };
  return { method: request.method, headers, tls, body };
}

/** All of a body. Its source, which may be a stream, is cancelled if the signal fires. */
async function octetsOf(body: ReadableStream<Uint8Array>, signal: FetchSignal): Promise<Uint8Array> {
  const reader = body.getReader();
  const over = signal.follow((reason) => void reader.cancel(reason).catch(() => {}));
  try {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return Buffer.concat(chunks);
      chunks.push(value);
    }
  } finally {
    over();
  }
}

type Get = (url: URL, question: Question, signal: FetchSignal) => Promise<IncomingMessage>;

/** Follows redirects as the fetch standard says (§4.4, HTTP-redirect fetch). */
async function follow(request: Request, question: Question, signal: FetchSignal, get: Get): Promise<Response> {
  const { redirect } = request;
  let url = new URL(request.url);
  for (let redirects = 0; ; redirects++) {
    const message = await get(url, question, signal);
    const location = redirected(message) ? message.headers.location : undefined;
    if (location === undefined || redirect === "manual") {
      try {
        return responseOf(message, { url, redirected: redirects > 0, method: question.method }, signal);
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

async function answerOf(url: URL, question: Question, signal: FetchSignal, way: Way): Promise<IncomingMessage> {
  for (;;) {
    const request = ask(url, question, way);
    try {
      const message = await sent(request, question, signal);
      if (!signal.aborted) return message;
      message.destroy();
    } catch (error) {
      signal.throwIfAborted();
      // The server may close a connection that waits just when it is used again (RFC 9112 §9.3.1). All that wait may have ended with it.
      const repeats = request.reusedSocket && /^(?:GET|HEAD|OPTIONS|PUT|DELETE)$/.test(question.method);
      if (!repeats || question.body instanceof ReadableStream) throw failed(error);
    }
    signal.throwIfAborted();
  }
}

function ask(url: URL, { method, headers, tls, body }: Question, { agent, lookup }: Way): ClientRequest {
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const fields: Record<string, string> = { host: url.host, ...Object.fromEntries(headers) };
  if (body instanceof Uint8Array) fields["content-length"] = `${body.length}`;
  else if (body === null && /^(?:POST|PUT|PATCH)$/.test(method)) fields["content-length"] = "0";
  const login = url.username === "" ? {} : { auth: `${decoded(url.username)}:${decoded(url.password)}` };
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

/** Percent-decoding of the URL standard (§1.3): what is no octet stays as it is. */
const decoded = (text: string) =>
  text.replace(/(?:%[\da-f]{2})+/gi, (octets) => Buffer.from(octets.replaceAll("%", ""), "hex").toString());

/** Sends the body; resolves with the head of the answer. */
function sent(request: ClientRequest, { body }: Question, signal: FetchSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const settled = signal.follow((reason) => {
      request.destroy(reason as Error);
      reject(reason);
    });
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
    if (body instanceof ReadableStream) pour(body, request, signal);
    else if (body === null) request.end();
    else request.end(body);
  });
}

/** Sends a stream, which is cancelled if the request ends before it. */
function pour(body: ReadableStream<Uint8Array>, request: ClientRequest, signal: FetchSignal): void {
  const source = Readable.fromWeb(body as never);
  source.on("error", (error) => request.destroy(error));
  request.on("close", () => source.destroy(signal.aborted ? (signal.reason as Error) : (request.errored ?? undefined)));
  source.pipe(request);
}

function failed(cause: unknown): TypeError {
  return new TypeError("fetch failed", { cause });
}

/** `--web`: the report's page while the run goes on, for browsers of this machine that know the address. */
import type { EventSink, RunEvent } from "#observe/events";
import { dataOf, liveHtml } from "#report/html";
import { RunBuilder } from "#report/model/builder";
import type { Run } from "#report/model/run";
import { version } from "../../../package.json";
import { CliError } from "../cli-error.ts";
import { EXIT_NOT_READY, EXIT_PERMISSION } from "../exit-codes.ts";
import type { Voice } from "../voice.ts";

const HOST = "127.0.0.1";
/** Browser tabs that follow the run at the same time. */
const FOLLOWERS_MAX = 8;
/** How often the page changes, ms; and how much longer the pause is than what the tables took to make, since the stack waits for that. */
const PAUSE_MS = 1000;
const PAUSE_FACTOR = 20;
/** Events that the page shows. Beyond these it says how many are missing: making the tables would hold the stack up for too long. */
export const EVENTS_MAX = 300_000;
/** How long pages may take to fetch the end of the run, ms. */
const LAST_MS = 1500;

const encoder = new TextEncoder();

const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

/** Another source of the run than events that come one by one. */
export interface LiveSource {
  /** Another number whenever there is more of the run. */
  readonly size: number;
  build(): Run;
}

type Follower = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

export class LivePage implements EventSink {
  /** "http://127.0.0.1:8080/token/" */
  readonly url: string;
  readonly #title: string;
  readonly #root: string;
  readonly #hosts: ReadonlySet<string>;
  readonly #server: Bun.Server<undefined>;
  readonly #builder = new RunBuilder();
  readonly #source: LiveSource;
  readonly #followers = new Set<Follower>();
  readonly #timer: NodeJS.Timeout;
  #missing = 0;
  #told = -1;
  #snapshot: { readonly size: number; readonly text: string } | null = null;
  #next = 0;
  #last: RunEvent | null = null;

  /** @param port 0: any that is free. Throws CliError. */
  constructor(port: number, title: string, source?: LiveSource) {
    this.#title = title;
    const builder = this.#builder;
    this.#source = source ?? {
      build: () => builder.build(),
      get size() {
        return builder.events;
      },
    };
    // Whoever does not know it cannot see what is transferred, though every user of the machine can connect.
    this.#root = `/${Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url")}/`;
    try {
      this.#server = Bun.serve({ hostname: HOST, port, fetch: (request) => this.#answer(request), idleTimeout: 0 });
    } catch (error) {
      throw cannotListen(port, error as NodeJS.ErrnoException);
    }
    // A page of another site cannot reach us under a name of its own that leads here (DNS rebinding).
    this.#hosts = new Set([`${HOST}:${this.#server.port}`, `localhost:${this.#server.port}`]);
    this.url = `http://${HOST}:${this.#server.port}${this.#root}`;
    this.#timer = setInterval(() => this.#tell(), PAUSE_MS);
    this.#timer.unref();
  }

  event(event: RunEvent): void {
    if (this.#builder.events < EVENTS_MAX) this.#builder.event(event);
    else {
      this.#missing++;
      this.#last = event;
    }
  }

  /** Says where the page is. */
  announce(voice: Voice): void {
    voice.event("web", { url: this.url }, `· live in a browser: ${this.url}`);
  }

  /** Shows the end of the run to the pages that are open, and stops serving. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#missing > 0) {
      const time = this.#last?.time ?? 0;
      this.#builder.event({ event: "run:gap", time, who: "page", missing: this.#missing });
    }
    this.#next = 0;
    this.#snapshot = null;
    if (this.#followers.size > 0) {
      this.#send("over");
      await Bun.sleep(LAST_MS);
    }
    for (const follower of this.#followers) close(follower);
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const refused = this.#refusal(request, pathname);
    if (refused !== null) return refused;
    switch (pathname.slice(this.#root.length)) {
      case "": {
        const html = await liveHtml({ title: this.#title, program: `tcpnet ${version}` });
        return respond(200, html, "text/html; charset=utf-8");
      }
      case "run":
        return respond(200, this.#run(), "application/json");
      case "events":
        return this.#follow(request);
      default:
        return respond(404, "there is no such page\n");
    }
  }

  /** Why a request is not answered: it is not from a page of ours. */
  #refusal(request: Request, pathname: string): Response | null {
    const host = request.headers.get("host") ?? "";
    if (!this.#hosts.has(host)) return respond(403, "this page is only for browsers of the same machine\n");
    const origin = request.headers.get("origin");
    if (origin !== null && origin !== `http://${host}`) return respond(403, "not for pages of other sites\n");
    if (!pathname.startsWith(this.#root)) return respond(404, "there is no such page\n");
    if (request.method !== "GET") return respond(405, "only GET\n");
    return null;
  }

  /** The tables so far. They are made at most once for all pages, and seldom if it takes long. */
  #run(): string {
    const began = performance.now();
    if (this.#snapshot === null || (began >= this.#next && this.#snapshot.size !== this.#source.size)) {
      const { size } = this.#source;
      const run = this.#source.build();
      const text = JSON.stringify(dataOf([{ name: this.#title, run }]));
      this.#snapshot = { size, text };
      const ended = performance.now();
      this.#next = ended + Math.max(PAUSE_MS / 2, (ended - began) * PAUSE_FACTOR);
    }
    return this.#snapshot.text;
  }

  #follow(request: Request): Response {
    if (this.#followers.size >= FOLLOWERS_MAX)
      return respond(503, `${FOLLOWERS_MAX} pages are open already: close one\n`);
    let mine: Follower | undefined;
    const leave = () => {
      if (mine !== undefined) this.#followers.delete(mine);
    };
    request.signal.addEventListener("abort", leave);
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        mine = controller;
        this.#followers.add(controller);
        controller.enqueue(encoder.encode(`data: ${this.#source.size}\n\n`));
      },
      cancel: leave,
    });
    return respond(200, stream, "text/event-stream");
  }

  #tell(): void {
    const { size } = this.#source;
    if (this.#told === size || performance.now() < this.#next) return;
    this.#told = size;
    this.#send(`${this.#told}`);
  }

  #send(data: string): void {
    for (const follower of this.#followers) {
      // Who does not read what is tiny has gone, or is stopped.
      if ((follower.desiredSize ?? 0) < -FOLLOWERS_MAX) {
        this.#followers.delete(follower);
        close(follower);
      } else follower.enqueue(encoder.encode(`data: ${data}\n\n`));
    }
  }
}

function close(follower: Follower): void {
  try {
    follower.close();
  } catch {
    // The browser has closed it.
  }
}

function respond(
  status: number,
  body: string | ReadableStream<Uint8Array<ArrayBuffer>>,
  type = "text/plain; charset=utf-8",
): Response {
  return new Response(body, { status, headers: { ...HEADERS, "content-type": type } });
}

function cannotListen(port: number, { code = "", message }: NodeJS.ErrnoException): CliError {
  const what = `--web ${port}: the page cannot be served`;
  if (code === "EACCES") return new CliError(EXIT_PERMISSION, what, "ports below 1024 are root's", "--web 0");
  const why = code === "EADDRINUSE" ? `another program uses port ${port}` : message;
  return new CliError(EXIT_NOT_READY, what, why, "--web 0 takes a free port");
}

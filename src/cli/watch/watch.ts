/** `--watch`: draws the dashboard by its own clock, and acts on its keys. */
import { parseLinks } from "#device/link-words";
import type { Answer } from "#lab/chaos/control";
import { counted } from "#observe/units";
import {
  colours,
  inForeground,
  isTerminal,
  say,
  sayInto,
  screenDescriptor,
  screenOutlet,
  showsUtf8,
} from "../terminal.ts";
import { draw, LEAST, tooSmall } from "./draw.ts";
import type { Frame } from "./frame.ts";
import { linkWords } from "./keys.ts";
import { type About, RATE, WatchModel } from "./model.ts";
import type { EndSample, LinkSample } from "./sample.ts";
import { Screen } from "./screen.ts";

const STDIN = 0;
/** Rows for messages below the last picture. */
const BELOW = 6;

/** What is watched. */
export interface Watched extends About {
  /** µs since the command began. */
  now(): number;
  ends(): readonly EndSample[];
  link(): LinkSample | null;
  /** Carries out a line of `tcpnet link`; null: the link cannot be changed. */
  readonly change: ((line: string) => Answer | Promise<Answer>) | null;
  /** Why not. */
  readonly whyNoKeys: string;
}

/** The terminal has the room that a dashboard needs. */
export function canWatch(): boolean {
  const fd = screenDescriptor();
  return fd >= 0 && inForeground() && hasRoom(new Screen(fd, fd, screenOutlet));
}

function hasRoom({ size }: Screen): boolean {
  return size !== null && size.columns >= LEAST.columns && size.rows >= LEAST.rows;
}

export class Watch {
  readonly #watched: Watched;
  readonly #model: WatchModel;
  readonly #screen: Screen;
  readonly #timer: NodeJS.Timeout;
  /** What is shown while the picture is frozen. */
  #frozen: Frame | null = null;
  #isSuspended = false;
  #isOver = false;
  readonly #suspend = () => this.#stop();
  readonly #resume = () => this.#goOn();

  /** Takes the screen. @param keys where keys are read: standard input if it is a terminal, else the screen's descriptor */
  constructor(watched: Watched, keys = isTerminal(STDIN) ? STDIN : screenDescriptor()) {
    this.#watched = watched;
    this.#model = new WatchModel(watched);
    this.#model.whyNoKeys = watched.change === null ? watched.whyNoKeys : "";
    this.#screen = new Screen(screenDescriptor(), keys, screenOutlet);
    this.#screen.open();
    sayInto((text) => this.#model.say(text));
    process.on("SIGTSTP", this.#suspend);
    process.on("SIGCONT", this.#resume);
    this.#timer = setInterval(() => this.#tick(), 1000 / RATE);
  }

  /** Gives the screen back, with the last picture on it. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    process.off("SIGTSTP", this.#suspend);
    process.off("SIGCONT", this.#resume);
    sayInto(null);
    const { size, dropped } = this.#screen;
    // A little lower than the screen, so that its top is in sight with the messages below it.
    const rows = size === null ? 0 : Math.max(LEAST.rows, size.rows - BELOW);
    this.#model.showsHelp = false;
    this.#model.isLast = true;
    this.#frozen = null;
    this.#screen.close(size === null || !hasRoom(this.#screen) ? [] : this.#rows({ ...size, rows }));
    if (dropped > 0) say(`· ${counted(dropped, "picture")} left out: the terminal was too slow`);
  }

  #tick(): void {
    const { ends, link } = { ends: this.#watched.ends(), link: this.#watched.link() };
    this.#model.take(ends, link);
    for (const key of this.#screen.keys()) this.#act(key);
    if (!this.#isOver) this.#show();
  }

  #show(): void {
    const { size } = this.#screen;
    if (size === null || this.#isSuspended) return;
    const rows = hasRoom(this.#screen) ? this.#rows(size) : tooSmall({ ...size, ...this.#look });
    this.#screen.draw(rows, size.columns);
  }

  #rows(size: { readonly columns: number; readonly rows: number }): string[] {
    const frame = this.#frozen ?? this.#model.frame(this.#watched.now());
    const shown = { ...frame, isFrozen: this.#frozen !== null, showsHelp: this.#model.showsHelp };
    return draw(shown, { ...size, ...this.#look });
  }

  get #look() {
    return { utf8: showsUtf8(), colours: colours() };
  }

  #act(key: string): void {
    if (key === "q") {
      this.end();
      // As Ctrl-C.
      process.emit("SIGINT", "SIGINT");
    } else if (key === " ")
      this.#frozen = this.#frozen === null ? frozen(this.#model.frame(this.#watched.now())) : null;
    else if (key === "h" || key === "?") this.#model.showsHelp = !this.#model.showsHelp;
    else if (key === "\t") this.#model.next();
    else this.#changeLink(key);
  }

  #changeLink(key: string): void {
    const { change, whyNoKeys } = this.#watched;
    const link = this.#watched.link();
    const words =
      link === null
        ? null
        : linkWords(
            key,
            parseLinks(link.words, undefined, () => ANY_TRACE),
          );
    if (words === null && link !== null) return;
    if (change === null || words === null) {
      const why = change === null ? whyNoKeys : "it is not there yet";
      if ("lLdDrRbc".includes(key)) this.#model.say(`· the link cannot be changed: ${why}`);
      return;
    }
    void Promise.resolve(change(words)).then(
      ({ ok, text }) => {
        if (!ok) this.#model.say(`· the link was not changed: ${text}`);
      },
      (error: Error) => this.#model.say(`· the link was not changed: ${error.message}`),
    );
  }

  /** Ctrl-Z: the terminal is the shell's for a while. */
  #stop(): void {
    this.#isSuspended = true;
    this.#screen.close();
    // The exit code and all else is the shell's business. The first process of a PID namespace is not stopped, and only draws nothing.
    void screenOutlet.drained().then(() => process.kill(process.pid, "SIGSTOP"));
  }

  #goOn(): void {
    // `bg` continues us as well.
    if (!this.#isSuspended || !inForeground()) return;
    this.#isSuspended = false;
    this.#screen.open();
  }
}

const ANY_TRACE = { times: Float64Array.of(1), period: 1, name: "" };

function frozen(frame: Frame): Frame {
  return { ...frame, log: [...frame.log] };
}

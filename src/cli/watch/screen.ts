/** The terminal of the dashboard: rows that change are written, keys are read, and everything is as before afterwards. */
import { keyByKey, readKeys, setTerminal, type TerminalSize, terminalSettings, terminalSize } from "#ffi/terminal";

const ESC = "\x1b[";
/** DEC 2026: the terminal shows what comes between the two at once. Others ignore it. */
const [BEGIN, END] = [`${ESC}?2026h`, `${ESC}?2026l`];
/** The other screen, without a cursor, and back. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}2J`;
const LEAVE = `${ESC}?2026l${ESC}?1049l${ESC}?25h`;

const KEYS_MAX = 64;

/** Where the screen's text goes. */
export interface Outlet {
  /** Puts text in line, without waiting. */
  put(text: string): void;
  /** Whether earlier text still waits for the terminal. */
  readonly isBehind: boolean;
  /** Writes at once, as much as the terminal takes: for the end of the program. */
  putNow(text: string): void;
}

export class Screen {
  /** Frames that were left out because the terminal had not taken the one before. */
  dropped = 0;
  readonly #fd: number;
  readonly #keys: number;
  readonly #outlet: Outlet;
  readonly #settings: Uint8Array | null;
  readonly #typed = new Uint8Array(KEYS_MAX);
  #isOpen = false;
  #shown: readonly string[] = [];
  #columns = 0;
  readonly #exit = () => this.#restoreNow();

  /** @param fd the terminal. @param keys where keys are read: the terminal, or standard input that is the same one */
  constructor(fd: number, keys: number, outlet: Outlet) {
    this.#fd = fd;
    this.#keys = keys;
    this.#outlet = outlet;
    this.#settings = terminalSettings(keys);
  }

  get size(): TerminalSize | null {
    return terminalSize(this.#fd);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    // Whatever ends the program: an error, a third Ctrl-C.
    process.on("exit", this.#exit);
    if (this.#settings !== null) setTerminal(this.#keys, keyByKey(this.#settings));
    this.#shown = [];
    this.#outlet.put(ENTER);
  }

  /** Gives the terminal back. @param left rows that stay on the screen */
  close(left: readonly string[] = []): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#settings !== null) setTerminal(this.#keys, this.#settings);
    this.#outlet.put(`${LEAVE}${left.map((row) => `${row}\n`).join("")}`);
  }

  /** Draws what differs from the rows before. Nothing, if the terminal is still busy with those. */
  draw(rows: readonly string[], columns: number): void {
    if (!this.#isOpen) return;
    if (this.#outlet.isBehind) {
      this.dropped++;
      return;
    }
    const isNew = columns !== this.#columns || rows.length !== this.#shown.length;
    let text = isNew ? `${ESC}2J` : "";
    rows.forEach((row, i) => {
      if (isNew || row !== this.#shown[i]) text += `${ESC}${i + 1};1H${row}`;
    });
    this.#shown = rows;
    this.#columns = columns;
    if (text !== "") this.#outlet.put(BEGIN + text + END);
  }

  /** The keys that were typed since the last call. */
  keys(): string {
    if (!this.#isOpen || this.#settings === null) return "";
    const n = readKeys(this.#keys, this.#typed);
    if (n <= 0) return "";
    const text = new TextDecoder().decode(this.#typed.subarray(0, n));
    // Arrows and the like are no keys of ours, and neither is what they consist of.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
    return text.replaceAll(/\x1b(?:\[[0-9;]*[ -/]*[@-~]|O.)?/g, "");
  }

  #restoreNow(): void {
    if (!this.#isOpen && !this.#outlet.isBehind) return;
    if (this.#settings !== null) setTerminal(this.#keys, this.#settings);
    this.#isOpen = false;
    this.#outlet.putNow(LEAVE);
  }
}

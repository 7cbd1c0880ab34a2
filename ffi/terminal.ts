/** The settings and keys of a terminal, for a program that draws on all of it. */
import { EAGAIN } from "./errno.ts";
import { ioctl, libraryOf, resultOf } from "./libc.ts";

const libc = libraryOf({
  read: { args: ["i32", "ptr", "u32"], returns: "i32" },
  poll: { args: ["ptr", "u32", "i32"], returns: "i32" },
  signal: { args: ["i32", "usize"], returns: "usize" },
} as const);

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
const POLLIN = 1;

/** struct termios of the kernel: four words of flags, the line discipline, and the control characters. */
const TERMIOS_SIZE = 64;
const LFLAG = 12;
const CC = 17;
const VTIME = 5;
const VMIN = 6;
const ICANON = 0o2;
const ECHO = 0o10;

/** The terminal's settings, to restore them later; null if the descriptor is not a terminal. */
export function terminalSettings(fd: number): Uint8Array | null {
  const settings = new Uint8Array(TERMIOS_SIZE);
  return ioctl(fd, TCGETS, settings) < 0 ? null : settings;
}

const SIGTTOU = 22;
const [SIG_DFL, SIG_IGN] = [0, 1];

/**
 * Sets them, in the background as well: when Ctrl-Z has given the terminal to the shell, the kernel would answer with SIGTTOU, and the first
 * process of a PID namespace, which is not stopped by it, would try for ever.
 */
export function setTerminal(fd: number, settings: Uint8Array): void {
  libc().signal(SIGTTOU, SIG_IGN);
  ioctl(fd, TCSETS, settings);
  libc().signal(SIGTTOU, SIG_DFL);
}

/** The same settings, but keys are not echoed and can be read one by one. Ctrl-C and Ctrl-Z still are signals. */
export function keyByKey(settings: Uint8Array): Uint8Array {
  const changed = settings.slice();
  const view = new DataView(changed.buffer);
  view.setUint32(LFLAG, view.getUint32(LFLAG, true) & ~(ICANON | ECHO), true);
  changed[CC + VMIN] = 1;
  changed[CC + VTIME] = 0;
  return changed;
}

/** Reads what was typed, without waiting: octets, or a negated error number; -EAGAIN if nothing was typed. */
export function readKeys(fd: number, into: Uint8Array): number {
  const asked = new DataView(new ArrayBuffer(8));
  asked.setInt32(0, fd, true);
  asked.setInt16(4, POLLIN, true);
  const ready = resultOf(libc().poll(new Uint8Array(asked.buffer), 1, 0));
  if (ready <= 0) return ready === 0 ? -EAGAIN : ready;
  return resultOf(libc().read(fd, into, into.length));
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The size of the terminal in characters; null if the descriptor is not a terminal, or its size is unknown. */
export function terminalSize(fd: number): TerminalSize | null {
  // struct winsize: rows, columns, and both in pixels.
  const size = new Uint8Array(8);
  if (ioctl(fd, TIOCGWINSZ, size) < 0) return null;
  const view = new DataView(size.buffer);
  const [rows, columns] = [view.getUint16(0, true), view.getUint16(2, true)];
  return rows === 0 || columns === 0 ? null : { columns, rows };
}

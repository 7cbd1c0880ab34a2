import { ioctl } from "./libc.ts";

const TIOCGWINSZ = 0x5413;

/** How many columns the terminal has that this descriptor is; 0 where it is none, or does not know. */
export function terminalColumns(fd: number): number {
  // struct winsize: rows, columns, and both in pixels.
  const size = new Uint8Array(8);
  if (ioctl(fd, TIOCGWINSZ, size) < 0) return 0;
  return new DataView(size.buffer).getUint16(2, true);
}

/**
 * What only root can undo after the program has ended: the MTU of a persistent device, a control socket in root's folder, an
 * empty file there. A program that has given up root cannot do this. So a shell waits for the program's end and then runs
 * commands that were fixed before the first packet was read. The program can only tell it to keep the file.
 */
import { closeSync, lstatSync, writeSync } from "node:fs";
import { findTool, toolEnvironment } from "#ffi/environment";
import { POLLIN, wait } from "#ffi/sockets";
import { pipe } from "#ffi/unnamed";
import { ROOT_FOLDER } from "#lab/chaos/control-path";
import { CliError } from "./cli-error.ts";
import { EXIT_NOT_READY } from "./exit-codes.ts";
import { handover } from "./handover.ts";

const KEEP = "keep";

/** The shell recognizes the program's end by the end of a pipe. It ignores the terminal's signals. */
const SCRIPT = `
trap "" HUP INT QUIT TERM TSTP
read -r said
exec 2>/dev/null
same() { [ "$(stat -c %i -- "$1")" = "$2" ]; }
while [ $# -gt 0 ]; do
  case $1 in
    mtu) "$2" link set dev "$3" mtu "$4"; shift 4 ;;
    socket) [ -S "$2" ] && same "$2" "$3" && rm -f -- "$2"; rmdir ${ROOT_FOLDER}; shift 3 ;;
    empty) [ "$said" = ${KEEP} ] || [ -s "$2" ] || ! same "$2" "$3" || rm -f -- "$2"; shift 3 ;;
    *) exit ;;
  esac
done`;

/** Limit of the delay of the program's end, µs. */
const PATIENCE = 2_000_000;

const tasks: string[] = [];
/** In the second life: the pipe that ends with the program. */
let life: number | undefined;

/** Restores the device's MTU. Throws CliError if the tool for it is missing. */
export function restoreMtuAfterwards(name: string, mtu: number): void {
  const ip = findTool("ip");
  if (ip === null) {
    const why = "the program ip, which restores the MTU at the end, is missing";
    throw new CliError(EXIT_NOT_READY, `${name} would keep its new MTU`, why, "leave --mtu out, or use --keep-root");
  }
  tasks.push("mtu", ip, name, `${mtu}`);
}

/** Removes the socket, unless something else has its path by then, and its folder if that is empty. */
export function removeSocketAfterwards(path: string): void {
  tasks.push("socket", path, `${lstatSync(path).ino}`);
}

/** Removes a file made for received data if it is still empty at the end and `keepEmptyFile` was not called. */
export function removeEmptyAfterwards(path: string): void {
  tasks.push("empty", path, `${lstatSync(path).ino}`);
}

/** The file is empty because the peer sent no data: keep it. */
export function keepEmptyFile(): void {
  if (life === undefined) return;
  try {
    writeSync(life, `${KEEP}\n`);
  } catch {
    // Somebody killed the shell.
  }
}

/** Starts the shell, if it has anything to do. It has no descriptors except two pipes. */
export function leaveShellBehind(): void {
  if (tasks.length === 0) return;
  const [end, done] = [pipe(), pipe()];
  Bun.spawn(["/bin/sh", "-c", SCRIPT, "tcpnet", ...tasks], {
    cwd: "/",
    env: toolEnvironment(),
    stdio: [end.readEnd, done.writeEnd, "ignore"],
  }).unref();
  closeSync(end.readEnd);
  closeSync(done.writeEnd);
  handover.keep("life", end.writeEnd);
  handover.keep("done", done.readEnd);
}

/** In the second life: lets the shell do its work when this program ends, and waits for it. */
export function endWithShell(): void {
  life = handover.take("life");
  const done = handover.take("done");
  if (life === undefined || done === undefined) return;
  process.on("exit", () => {
    closeSync(life!);
    wait([{ fd: done, events: POLLIN }], PATIENCE);
  });
}

/**
 * What only root can put back after the program has ended: the MTU of a device that stays, a control socket in root's folder, an
 * empty file there. A program that gave root up cannot do it. So a shell is left behind that waits for the program's end, however
 * it comes, and then runs what was decided before the first packet was read. All that the program can tell it is to keep the file.
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

/** The end of a pipe is the program's end. What the terminal sends to all of its programs is not for the shell. */
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

/** The longest that the program's end may be held up, µs. */
const PATIENCE = 2_000_000;

const tasks: string[] = [];
/** In the second life: the pipe whose end is the program's end. */
let life: number | undefined;

/** The device gets this MTU back. Throws CliError where the tool for it is missing. */
export function restoreMtuAfterwards(name: string, mtu: number): void {
  const ip = findTool("ip");
  if (ip === null) {
    const why = "the program ip, which puts it back after root was given up, is missing";
    throw new CliError(EXIT_NOT_READY, `${name} would keep its new MTU`, why, "leave --mtu out, or use --keep-root");
  }
  tasks.push("mtu", ip, name, `${mtu}`);
}

/** The socket is removed, unless something else lies there by then, and its folder if that is empty. */
export function removeSocketAfterwards(path: string): void {
  tasks.push("socket", path, `${lstatSync(path).ino}`);
}

/** The file was made for what is to come. It is removed if nothing has come by then, unless `keepEmptyFile` was called. */
export function removeEmptyAfterwards(path: string): void {
  tasks.push("empty", path, `${lstatSync(path).ino}`);
}

/** That the file is empty is what was to come. */
export function keepEmptyFile(): void {
  if (life === undefined) return;
  try {
    writeSync(life, `${KEEP}\n`);
  } catch {
    // Somebody killed the shell.
  }
}

/** Starts the shell, if it has anything to do. It holds no descriptor but two pipes. */
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

/** In the second life: lets the shell do its work when this program ends, and waits until it is done. */
export function endWithShell(): void {
  life = handover.take("life");
  const done = handover.take("done");
  if (life === undefined || done === undefined) return;
  process.on("exit", () => {
    closeSync(life!);
    wait([{ fd: done, events: POLLIN }], PATIENCE);
  });
}

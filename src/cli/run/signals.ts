/** The command's terminal and signals are its own: those that reach this process alone are passed on. */
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { drainText } from "../print.ts";
import type { Namespaces } from "./namespaces.ts";

/** The keyboard sends these to the whole foreground process group, so the command gets them by itself. */
const OF_KEYBOARD = ["SIGINT", "SIGQUIT"] as const;
const OTHERS = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** Passes signals on until the returned function is called. */
export function followSignals(inside: Namespaces): () => void {
  const passed = new Map<NodeJS.Signals, () => void>();
  const keyboard = hasTerminal();
  for (const signal of OF_KEYBOARD) passed.set(signal, () => (keyboard ? undefined : inside.signal(signal)));
  for (const signal of OTHERS) passed.set(signal, () => inside.signal(signal));
  for (const [signal, handler] of passed) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of passed) process.off(signal, handler);
  };
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/** A shell's exit code for a program that a signal ended. */
export function signalExit(signal: string): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

/** Signals without a core dump: a shell sees of what the command has died. */
const REPEATED: readonly string[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGPIPE"];

/** How long the signal may take, ms. */
const SIGNAL_MS = 200;

/** Ends this process as the command was ended, so that a shell sees it; returns for signals that would write a core dump. */
export async function endBy(signal: string): Promise<void> {
  if (!REPEATED.includes(signal)) return;
  await drainText();
  process.kill(process.pid, signal);
  await Bun.sleep(SIGNAL_MS);
}

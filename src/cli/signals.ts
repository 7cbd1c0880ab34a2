import { EXIT_SIGHUP, EXIT_SIGINT, EXIT_SIGTERM } from "./exit-codes.ts";
import { endEchoedKey } from "./terminal.ts";

/** What a running command does on signals. */
export interface SignalHandlers {
  /** The first Ctrl-C: an orderly end. */
  close(): void;
  /** The second Ctrl-C, or SIGTERM: an end by RST. `code` is the exit code then. */
  abort(code: number): void;
  /** SIGUSR1, or SIGQUIT as with ping: prints one line of figures. */
  figures(): void;
  /** SIGHUP: a log rotator has moved the capture away. False if there is no capture: then the command ends, as by SIGTERM. */
  reopen(): boolean;
}

/** Listens to signals until the returned function is called. */
export function listenToSignals(handlers: SignalHandlers): () => void {
  let interrupts = 0;
  const table: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGINT: () => {
      interrupts++;
      endEchoedKey();
      if (interrupts === 1) handlers.close();
      else if (interrupts === 2) handlers.abort(EXIT_SIGINT);
      else process.exit(EXIT_SIGINT);
    },
    SIGTERM: () => handlers.abort(EXIT_SIGTERM),
    SIGUSR1: () => handlers.figures(),
    SIGQUIT: () => {
      endEchoedKey();
      handlers.figures();
    },
    SIGHUP: () => {
      if (!handlers.reopen()) handlers.abort(EXIT_SIGHUP);
    },
  };
  const entries = Object.entries(table) as [NodeJS.Signals, () => void][];
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler);
  };
}

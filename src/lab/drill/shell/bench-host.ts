import type { Bench } from "../interpreter/bench.ts";
import { type Information, informationOf } from "../posix/information.ts";
import { isSystem, type MachineSocket, type Profile, type SettingValue } from "../posix/target.ts";
import type { ShellHost, SocketEntry } from "./host.ts";

/** /proc/net/tcp does not show a listener's backlog; its tcp_info does, under another name. */
function socketEntry(socket: MachineSocket, descriptor: number, information: Information | undefined): SocketEntry {
  const backlog = socket.state === "LISTEN" ? information?.tcpi_sacked : undefined;
  return { ...socket, sendQueue: backlog ?? socket.sendQueue, descriptor, information };
}

/** The bench, as seen by the programs of a script. */
export class BenchHost implements ShellHost {
  readonly #bench: Bench;
  /** The sysctls that a script has set. */
  readonly #written = new Map<string, string>();

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  get isSystem(): boolean {
    return isSystem(this.#bench.engine);
  }

  get profile(): Profile {
    return this.#bench.config.profile;
  }

  get family(): 4 | 6 {
    return this.#bench.config.family;
  }

  get localAddress(): string {
    return this.#bench.config.localAddress;
  }

  get remoteAddress(): string {
    return this.#bench.config.remoteAddress;
  }

  get files(): Map<string, Uint8Array> {
    return this.#bench.files;
  }

  readFile(path: string): Uint8Array | undefined {
    return this.#bench.config.readFile(path);
  }

  sleep(usecs: number): void {
    this.#bench.runTo(this.#bench.now + usecs);
  }

  configure(name: string, value: SettingValue): boolean {
    return this.#bench.engine.configure(name, value, this.#bench.now);
  }

  writeSysctl(name: string, value: string): boolean {
    const { engine } = this.#bench;
    this.#written.set(name, value);
    return isSystem(engine) ? engine.sysctl(name, value) : true;
  }

  readSysctl(name: string): string | undefined {
    const { engine } = this.#bench;
    return isSystem(engine) ? engine.readSysctl(name) : this.#written.get(name);
  }

  counters(): Readonly<Record<string, number>> | undefined {
    return this.#bench.engine.counters?.();
  }

  sockets(): readonly SocketEntry[] {
    return [...this.#bench.engine.sockets().map((socket) => this.#entry(socket)), ...this.#idle()];
  }

  /** FreeBSD also lists sockets without a connection. */
  #idle(): SocketEntry[] {
    if (this.profile !== "freebsd") return [];
    const entries: SocketEntry[] = [];
    for (const [descriptor, s] of this.#bench.table) {
      if (s.kind !== "tcp" || s.connection || s.listener) continue;
      const none = { remotePort: 0, receiveQueue: 0, sendQueue: 0, information: undefined };
      entries.push({ state: "CLOSED", localPort: s.port, descriptor, ...none });
    }
    return entries;
  }

  #entry(socket: MachineSocket): SocketEntry {
    const { engine, table, now } = this.#bench;
    for (const [descriptor, s] of table) {
      if (s.kind === "system") {
        const flow = s.flow;
        if (
          flow?.localPort === socket.localPort &&
          (flow.kind === "listening" ? 0 : flow.remotePort) === socket.remotePort
        )
          return socketEntry(socket, descriptor, isSystem(engine) ? engine.information(s) : undefined);
      } else if (s.kind === "tcp") {
        const port = s.connection?.localPort ?? s.listener?.localPort;
        const isIt = port === socket.localPort && (s.connection?.remotePort ?? 0) === socket.remotePort;
        if (isIt && !isSystem(engine)) return { ...socket, descriptor, information: informationOf(engine, s, now) };
      }
    }
    return { ...socket, descriptor: undefined, information: undefined };
  }

  drop(which: (entry: SocketEntry) => boolean): number {
    const { engine, now } = this.#bench;
    return engine.drop((socket) => which(this.#entry(socket)), now);
  }
}

import type { SettingValue } from "#lab/drill/posix/target";
import type { ShellHost, SocketEntry } from "#lab/drill/shell/host";

const LISTENER: SocketEntry = {
  state: "LISTEN",
  localPort: 8080,
  remotePort: 0,
  receiveQueue: 1,
  sendQueue: 5,
  descriptor: 3,
  information: undefined,
};

/** A machine that notes what it is asked for, with a listener and two connections. */
export class FakeHost implements ShellHost {
  readonly settings: [string, SettingValue][] = [];
  readonly files = new Map<string, Uint8Array>();
  readonly written = new Map<string, string>();
  slept = 0;
  dropped: SocketEntry[] = [];
  readonly isSystem = false;
  readonly localAddress: string = "192.168.0.1";
  readonly remoteAddress: string = "192.0.2.1";
  readonly family: 4 | 6 = 4;

  constructor(readonly profile: "linux" | "freebsd" = "linux") {}

  readFile(path: string): Uint8Array | undefined {
    return path === "beside.txt" ? new TextEncoder().encode("one\ntwo\n") : undefined;
  }

  sleep(usecs: number): void {
    this.slept += usecs;
  }

  configure(name: string, value: SettingValue): boolean {
    this.settings.push([name, value]);
    return name !== "mtuProbing" || value === 0;
  }

  writeSysctl(name: string, value: string): boolean {
    this.written.set(name, value);
    return true;
  }

  readSysctl(name: string): string | undefined {
    return this.written.get(name);
  }

  counters(): Readonly<Record<string, number>> {
    return { TcpExtBeyondWindow: 3, TcpExtTCPOFOQueue: 1, TcpExtPAWSEstab: 0 };
  }

  sockets(): readonly SocketEntry[] {
    const information = {
      tcpi_options: 7,
      tcpi_snd_wscale: 7,
      tcpi_rcv_wscale: 8,
      tcpi_rto: 204_000,
      tcpi_snd_cwnd: 10,
    };
    const connection = { localPort: 8080, receiveQueue: 0, sendQueue: 100, information };
    return [
      LISTENER,
      { ...connection, state: "ESTABLISHED", remotePort: 40_000, descriptor: 4 },
      { ...connection, state: "TIME-WAIT", remotePort: 40_001, descriptor: undefined },
    ];
  }

  drop(which: (entry: SocketEntry) => boolean): number {
    this.dropped = this.sockets().filter(which);
    return this.dropped.length;
  }
}

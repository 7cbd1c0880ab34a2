import type { Address } from "#ip/address";

/** SYNs for ports without a listener, for reporting: the last one, and how many there were. */
export class RefusedSyns {
  /** SYNs since `clear`. */
  count = 0;
  remote: Address | null = null;
  remotePort = 0;
  localPort = 0;

  note(remote: Address, remotePort: number, localPort: number): void {
    this.count++;
    this.remote = remote;
    this.remotePort = remotePort;
    this.localPort = localPort;
  }

  clear(): void {
    this.count = 0;
    this.remote = null;
  }
}

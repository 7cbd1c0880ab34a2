/** The package's entries: what follows `tcpnet` in an import, and the module that it means. */
export const ENTRIES: Readonly<Record<string, string>> = {
  ".": "src/index.ts",
  "./node": "src/node/index.ts",
  "./pcap": "src/package/pcap.ts",
  "./sim": "src/package/sim.ts",
  "./tun": "src/package/tun.ts",
};

/** The name of the built file of an entry, without its ending: "index", "pcap". */
export function fileOf(entry: string): string {
  return entry === "." ? "index" : entry.slice("./".length);
}

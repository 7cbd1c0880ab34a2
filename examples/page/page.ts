/**
 * Two stacks and a lossy link in a browser. Bundle it and serve the folder, or open index.html with a bundler of yours:
 * `bun build examples/page/page.ts --outfile examples/page/page.js --target browser`.
 */
import { CallError, createStack, ImpairedDevice, pair } from "tcpnet";
import { CaptureChunks, CaptureDevice } from "tcpnet/pcap";

const OCTETS = 300_000;

const form = document.querySelector("form")!;
const log = document.querySelector<HTMLPreElement>("#log")!;
const download = document.querySelector<HTMLParagraphElement>("#capture")!;

/** Sends over a link and back; returns what to show. */
async function exchange(words: string): Promise<string> {
  const [left, right] = pair();
  const link = new ImpairedDevice(left, words);
  const chunks: BlobPart[] = [];
  const capture = new CaptureChunks((chunk) => chunks.push(chunk), { name: "page" });
  const client = await createStack({ device: new CaptureDevice(link, capture), address: "10.0.0.7/24" });
  const server = await createStack({ device: right, address: "10.0.0.5/24" });
  try {
    server.listen({
      port: 7,
      socket: { data: (socket, bytes) => socket.write(bytes), end: (socket) => socket.closeWrite() },
    });
    const began = performance.now();
    const socket = client.connect("10.0.0.5:7", { timeout: 10_000 });
    const { rtt } = await socket.opened;
    const sent = new Blob([new Uint8Array(OCTETS).map((_, i) => (i * 7919) >> 3)]);
    const [back] = await Promise.all([new Response(socket.readable).blob(), sent.stream().pipeTo(socket.writable)]);
    const seconds = (performance.now() - began) / 1000;
    const { out, in: received } = link.counters();
    const lost = (out["link.loss"] ?? 0) + (received["link.loss"] ?? 0);
    const isSame = (await digest(back)) === (await digest(sent));
    return [
      `${link.link}: handshake in ${Math.round(rtt / 1000)} ms`,
      `${back.size} octets came back in ${seconds.toFixed(2)} s, ${isSame ? "each as it was sent" : "changed"}`,
      `${capture.packets} packets, ${lost} lost by the link, ${client.counters()["tcp.tx.fast-retransmit"] ?? 0} fast retransmissions`,
    ].join("\n");
  } finally {
    await Promise.all([client.close(), server.close()]);
    offer(new Blob(chunks));
  }
}

/** The packets as a file, in place of those of the last exchange. */
function offer(capture: Blob): void {
  const before = download.querySelector("a");
  if (before !== null) URL.revokeObjectURL(before.href);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(capture);
  link.download = "page.pcapng";
  link.textContent = "Download the packets for Wireshark";
  download.replaceChildren(link);
}

/** All octets in one number (FNV-1a): enough to see that nothing was changed. */
async function digest(blob: Blob): Promise<number> {
  let hash = 0x811c9dc5;
  for (const octet of new Uint8Array(await blob.arrayBuffer())) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = String(new FormData(form).get("link"));
  log.textContent = "sending …";
  exchange(words).then(
    (text) => (log.textContent = text),
    (error: unknown) => (log.textContent = error instanceof CallError ? error.message : String(error)),
  );
});

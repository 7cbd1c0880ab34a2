/**
 * A server of `node:http` on one stack, and `fetch` over another one. In memory here; with `openTun` of `tcpnet/tun` the same over a network.
 * Runs in Bun, Node and Deno: `bun examples/http.ts`, `node examples/http.ts`, `deno run examples/http.ts`.
 */
import http from "node:http";
import { createStack, pair } from "tcpnet";
import { nodeFetch, nodeNet } from "tcpnet/node";

const [left, right] = pair();
const host = await createStack({ device: left, address: "10.0.0.7/24" });
const peer = await createStack({ device: right, address: "10.0.0.5/24" });

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.setHeader("content-type", "text/plain");
  response.end(`${request.method} ${request.url} ${body} from ${request.socket.remoteAddress}\n`);
});
const listener = nodeNet(host).createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
await new Promise((resolve) => listener.listen(80, "10.0.0.7", () => resolve(null)));

const fetch = nodeFetch(peer);
const answer = await fetch("http://10.0.0.7/greeting", { method: "POST", body: "hello" });
console.log(answer.status, (await answer.text()).trim());

// Two at once, each on a connection of its own, which are kept for what follows.
const both = await Promise.all(["/one", "/two"].map(async (path) => (await fetch(`http://10.0.0.7${path}`)).text()));
console.log(both.join("").trim());

const slow = fetch("http://10.0.0.9/", { signal: AbortSignal.timeout(50) });
console.log(await slow.catch((error: Error) => error.name));
fetch.close();
await Promise.all([host.close(), peer.close()]);

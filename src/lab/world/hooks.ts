/**
 * The network of the program, which on a host of a world is the host's stack, and where no world runs what it was. The module objects are
 * changed in place, once, because applications keep what they import.
 */
import type { connect as secure } from "node:tls";
import { type Bag, builtin, syncImports } from "./globals.ts";
import { divertBun } from "./network/bun.ts";
import { divertDgram } from "./network/dgram.ts";
import { type Call, type Class, divert, divertClass, refuseIn, set } from "./network/divert.ts";
import { divertDns } from "./network/dns.ts";
import { divertHttp, divertHttps } from "./network/http.ts";
import { divertNet } from "./network/net.ts";
import { divertHttp2, divertTls, divertTlsSocket } from "./network/tls.ts";
import { WorldWebSocket } from "./network/web-socket.ts";

/** The modules that are diverted, by name: what a test runner's module mocks may return where an import has been taken before. */
export const modules: Readonly<Record<string, object>> = diverted();

function diverted(): Record<string, object> {
  const names = ["net", "http", "https", "tls", "http2", "dgram", "dns"] as const;
  const found = names.map((name) => builtin(`node:${name}`));
  if (found.includes(undefined)) return {};
  const [net, http, https, tls, http2, dgram, dns] = found as [Bag, Bag, Bag, Bag, Bag, Bag, Bag];
  divertNet(net, tls.Server as Class);
  divertTls(tls);
  divertTlsSocket(tls);
  divertHttp(http);
  divertHttps(https, tls);
  divertHttp2(http2, tls);
  divertDgram(dgram);
  divertDns(dns);
  divertGlobals(http, net, tls);
  const cluster = builtin("node:cluster");
  if (cluster !== undefined) refuseIn(cluster, "fork", "the process of cluster.fork", "several hosts");
  const bun = (globalThis as { Bun?: Bag }).Bun;
  const packages = bun === undefined ? {} : divertBun(bun);
  syncImports();
  const named: Record<string, object> = {
    net,
    http,
    https,
    tls,
    http2,
    dgram,
    dns,
    "dns/promises": dns.promises as object,
  };
  const all = Object.entries(named).flatMap(([name, object]) => [
    [name, object],
    [`node:${name}`, object],
  ]);
  return { ...Object.fromEntries(all), ...packages };
}

function divertGlobals(http: Bag, net: Bag, tls: Bag): void {
  const scope = globalThis as unknown as Bag;
  set(
    scope,
    "fetch",
    divert(globalThis.fetch as Call, (network) => network.fetch as Call),
  );
  const dial = (url: URL, options: object) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const isSecure = url.protocol === "wss:";
    const port = Number(url.port) || (isSecure ? 443 : 80);
    return isSecure
      ? (tls.connect as typeof secure)({ ...options, host, port })
      : (net.connect as typeof import("node:net").connect)({ host, port, noDelay: true });
  };
  const sockets = divertClass(
    globalThis.WebSocket as unknown as Class,
    (_, [url, second]) => new WorldWebSocket(dial, url as string, second as string[] | undefined),
  );
  set(scope, "WebSocket", sockets);
  if (typeof http.WebSocket === "function") set(http, "WebSocket", sockets);
  refuseIn(scope, "EventSource", "EventSource", "fetch, whose body is a stream");
}

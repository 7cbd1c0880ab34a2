/** The live page's server: who gets an answer, and what is bounded. */
import { afterEach, expect, test } from "bun:test";
import { CliError } from "#cli/cli-error";
import { LivePage } from "#cli/web/live-page";
import type { LiveData } from "#report/meta";
import { transferEvents } from "../report/runs.ts";

const open: LivePage[] = [];
const page = () => {
  const made = new LivePage(0, "a test");
  open.push(made);
  return made;
};

afterEach(async () => {
  for (const each of open.splice(0)) await each.end();
});

const get = async (url: string, headers: Record<string, string> = {}, method = "GET") =>
  (await fetch(url, { headers, method })).status;

test("only who knows the token gets an answer, from a page of the same address, by GET", async () => {
  const { url } = page();
  const { origin, port } = new URL(url);
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect(new URL(url).pathname.length).toBeGreaterThanOrEqual(26);
  expect(await get(url)).toBe(200);
  expect(await get(`${url}run`)).toBe(200);
  expect(await get(`${url}other`)).toBe(404);
  for (const path of ["/", "/run", "/events", "/x/run", `${new URL(url).pathname.slice(0, -2)}/`])
    expect([path, await get(origin + path)]).toEqual([path, 404]);
  expect(await get(url, { origin: "http://evil.example" })).toBe(403);
  expect(await get(url, { origin: "null" })).toBe(403);
  expect(await get(url, { origin })).toBe(200);
  expect(await get(url, {}, "POST")).toBe(405);
  // DNS rebinding: a name of somebody else's that leads here.
  expect(await get(url, { host: `evil.example:${port}` })).toBe(403);
  expect(await get(url, { host: `localhost:${port}` })).toBe(200);
});

test("each page has a token of its own, and no browser keeps or frames what it got", async () => {
  const [a, b] = [page(), page()];
  expect(new URL(a.url).pathname).not.toBe(new URL(b.url).pathname);
  const { headers } = await fetch(a.url);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(await (await fetch(a.url)).text()).toContain("default-src 'none'; connect-src 'self'");
});

test("a page is told that there is more, and gets all of it", async () => {
  const live = page();
  const events = transferEvents();
  const half = events.length >> 1;
  for (const event of events.slice(0, half)) live.event(event);
  const packets = async () => {
    const { runs } = (await (await fetch(`${live.url}run`)).json()) as LiveData;
    return runs[0]!.columns.find(({ table, name }) => table === "packets" && name === "time")!.rows;
  };
  const before = await packets();
  expect(before).toBeGreaterThan(0);
  const reader = (await fetch(`${live.url}events`)).body!.getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await next()).toBe(`data: ${half - 1}\n\n`);
  for (const event of events.slice(half)) live.event(event);
  while (!(await next()).includes(`data: ${events.length - 1}\n`));
  await Bun.sleep(600);
  expect(await packets()).toBeGreaterThan(before);
  const over = live.end();
  expect(await next()).toBe("data: over\n\n");
  await over;
  open.length = 0;
});

test("not more than eight pages follow", async () => {
  const { url } = page();
  const all = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}events`)));
  expect(all.map(({ status }) => status)).toEqual(all.map(() => 200));
  expect(await get(`${url}events`)).toBe(503);
});

test("a port that is taken is said in words, with what to type", () => {
  const taken = Number(new URL(page().url).port);
  let said: unknown;
  try {
    new LivePage(taken, "a test");
  } catch (error) {
    said = error;
  }
  expect(said).toBeInstanceOf(CliError);
  expect((said as CliError).exitCode).toBe(3);
  expect((said as CliError).what).toContain(`--web ${taken}`);
});

/** The live page in a real browser: it changes as the run goes on, keeps what is zoomed, and stays when the run is over. */
import { expect } from "bun:test";
import { chromium } from "playwright-core";
import { LivePage } from "#cli/web/live-page";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { transferEvents } from "./runs.ts";

testUnless(
  lacks(["chromium"]),
  "a page that follows a run shows more and more of it, and complains of nothing",
  async () => {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
    const browser = await chromium.launch({ executablePath: Bun.which("chromium")!, args });
    const live = new LivePage(0, "tcpnet test");
    try {
      const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
      const wrong: string[] = [];
      page.on("console", (message) => wrong.push(`${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => wrong.push(`${error}`));
      page.on("request", (request) => {
        if (!request.url().startsWith(live.url) && !request.url().startsWith("data:"))
          wrong.push(`asked for ${request.url()}`);
      });
      await page.goto(live.url);
      await page.waitForSelector("html[data-ready]", { timeout: 60_000 });
      expect(await page.textContent("main")).toContain("There are no TCP connections");
      const events = transferEvents();
      const third = Math.floor(events.length / 3);
      const shown = async () =>
        Number((await page.textContent(".facts"))!.match(/([\d,]+) packets/)![1]!.replace(",", ""));
      const until = async (least: number) => {
        for (let i = 0; i < 300 && (await shown()) < least; i++) await Bun.sleep(100);
        const now = await shown();
        expect(now).toBeGreaterThanOrEqual(least);
        return now;
      };
      for (const event of events.slice(0, third)) live.event(event);
      const first = await until(1);
      expect(await page.$$eval("[data-chart]", (all) => all.length)).toBeGreaterThan(5);
      const note = () => page.textContent(".table .note");
      const whole = await note();
      await page.keyboard.press("+");
      for (let i = 0; i < 300 && (await note()) === whole; i++) await Bun.sleep(100);
      const zoomed = await note();
      expect(zoomed).not.toBe(whole);
      for (const event of events.slice(third, 2 * third)) live.event(event);
      await until(first + 1);
      expect(await note()).toStartWith(zoomed!.split(" of ")[0]!);
      for (const event of events.slice(2 * third)) live.event(event);
      await live.end();
      await page.waitForSelector("html[data-over]", { timeout: 60_000 });
      expect(await page.textContent("header")).toContain("The run is over");
      expect(await page.textContent(".verdict")).toContain("300 kB in");
      expect(wrong).toEqual([]);
    } finally {
      await browser.close();
      await live.end();
    }
  },
);

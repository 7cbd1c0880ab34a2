import { describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTrace } from "#cli/link-flags";
import { linkText } from "#device/link-text";
import { parseLinks } from "#device/link-words";
import { type Controlled, ControlSocket, control, listenForControl, makeControlSocket } from "#lab/chaos/control";
import { askControl } from "#lab/chaos/control-client";
import { testUnless } from "../support/test-unless.ts";

const noRoot = process.geteuid!() === 0 ? "" : "it needs root, to be two users";

function link(): Controlled {
  let profiles = parseLinks("delay 20ms out loss 1%");
  return {
    profiles: () => profiles,
    set: (wanted) => {
      profiles = wanted;
    },
    counts: () => ({ out: { "link.offered": 3 }, in: {} }),
  };
}

describe("one line", () => {
  test("show tells the link in the words that make it", () => {
    expect(control(link(), "show").text).toBe("out delay 20ms loss 1% in delay 20ms");
  });

  test("set begins with a clear link, change with what there is, clear ends all", () => {
    const it = link();
    expect(control(it, "change in loss 3%").text).toBe("out delay 20ms loss 1% in delay 20ms loss 3%");
    expect(control(it, "set rate 1mbit").text).toBe("rate 1mbit");
    expect(linkText(it.profiles().in)).toBe("rate 1mbit");
    expect(control(it, "clear").text).toBe("clear");
  });

  test("what cannot be understood is told and changes nothing", () => {
    const it = link();
    const before = it.profiles();
    const odd = ["", "sett loss 1%", "set loss", "set losss 1%", "change delay 1", "set trace /no/such/file"];
    // To forget the words is not to ask for a clear link.
    const forgotten = ["set", "set ", "change", "clear loss", "show out"];
    for (const line of [...odd, ...forgotten]) {
      expect([line, control(it, line, readTrace).ok]).toEqual([line, false]);
    }
    expect(it.profiles()).toBe(before);
  });

  test("where it went wrong is pointed at", () => {
    expect(control(link(), "set delay 20ms loss much").text).toMatch(/\(column 17\)\ndelay 20ms loss much\n {16}\^$/);
  });
});

describe("over a socket", () => {
  test("a question, an answer, and many after one another; only for its owner", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    const it = link();
    const stop = await listenForControl(path, it);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await askControl(path, "set delay 7ms")).toMatchObject({ ok: true, text: "delay 7ms" });
    for (let i = 0; i < 20; i++) expect((await askControl(path, "show")).text).toBe("delay 7ms");
    expect((await askControl(path, `set ${"x".repeat(10_000)}`)).ok).toBe(false);
    await expect(listenForControl(path, it)).rejects.toThrow("another tcpnet listens there");
    stop();
    await expect(askControl(path, "show")).rejects.toThrow();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("a program that is stopped keeps its socket, and is not waited for without end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    const silent = Bun.listen({ unix: path, socket: { data: () => {} } });
    await expect(askControl(path, "show")).rejects.toThrow("gave no answer");
    await expect(listenForControl(path, link())).rejects.toThrow("another tcpnet listens there");
    silent.stop(true);
    rmSync(folder, { recursive: true });
  });

  test("whoever asks before the link is served is answered then", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    const socket = new ControlSocket(path, makeControlSocket(path));
    const answer = askControl(path, "show");
    await Bun.sleep(50);
    socket.serve(link());
    expect((await answer).ok).toBe(true);
    socket.close();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("a path that is too long for a socket is refused by the system's name for it", () => {
    const path = join(tmpdir(), `${"x".repeat(120)}.sock`);
    expect(() => makeControlSocket(path)).toThrow("ENAMETOOLONG");
  });

  test("a socket that a killed program left is replaced; anything else that lies there is left alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    const refused = "only a socket that a killed tcpnet left is replaced";
    await leaveSocket(path);
    const stop = await listenForControl(path, link());
    expect((await askControl(path, "show")).ok).toBe(true);
    stop();
    writeFileSync(path, "precious");
    await expect(listenForControl(path, link())).rejects.toThrow(refused);
    expect(readFileSync(path, "utf8")).toBe("precious");
    symlinkSync(path, join(folder, "link"));
    await expect(listenForControl(join(folder, "link"), link())).rejects.toThrow(refused);
    mkdirSync(join(folder, "folder"));
    await expect(listenForControl(join(folder, "folder"), link())).rejects.toThrow(refused);
    expect(readdirSync(folder).sort()).toEqual(["folder", "link", "x"]);
    rmSync(folder, { recursive: true });
  });

  testUnless(noRoot, "a socket that another user left is not replaced", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    await leaveSocket(path);
    chownSync(path, 65_534, 65_534);
    await expect(listenForControl(path, link())).rejects.toThrow("belongs to user 65534");
    expect(existsSync(path)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  test("what somebody put in the place of the socket stays when the link ends", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    const stop = await listenForControl(path, link());
    renameSync(path, `${path}.old`);
    writeFileSync(path, "precious");
    stop();
    expect(readFileSync(path, "utf8")).toBe("precious");
    rmSync(folder, { recursive: true });
  });
});

/** A socket whose program was killed. */
async function leaveSocket(path: string): Promise<void> {
  const listen = `Bun.listen({ unix: process.argv[1], socket: { data() {} } }); console.log("listening");`;
  const child = Bun.spawn([process.execPath, "-e", listen, path], { stdout: "pipe" });
  await child.stdout.getReader().read();
  child.kill("SIGKILL");
  await child.exited;
}

describe("asking", () => {
  test("an answer that is none, too long or endless is not believed, and not waited for", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    let answer = "";
    const server = Bun.listen({
      unix: path,
      socket: {
        data: (socket) => {
          socket.write(answer);
          if (answer.length < 60_000) socket.end();
        },
      },
    });
    const odd = ["", "nonsense", "null", "[]", `{"ok":1,"text":""}`, `{"ok":true}`, `{"ok":true,"text":7}`];
    for (answer of [...odd, `{"ok":true,"text":"${"x".repeat(70_000)}`])
      await expect(askControl(path, "show")).rejects.toThrow("gave no answer");
    answer = JSON.stringify({
      ok: true,
      text: "t",
      more: 1,
      counts: { out: { a: 1, b: "\u001b[2J" }, in: { c: null } },
    });
    expect(await askControl(path, "show")).toEqual({ ok: true, text: "t", counts: { out: { a: 1 }, in: {} } });
    server.stop(true);
    rmSync(folder, { recursive: true });
  });

  test("what is not a socket is not asked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    const stop = await listenForControl(path, link());
    symlinkSync(path, `${path}.link`);
    await expect(askControl(`${path}.link`, "show")).rejects.toThrow("is not a socket");
    await expect(askControl(join(folder, "none"), "show")).rejects.toThrow("ENOENT");
    stop();
    rmSync(folder, { recursive: true });
  });

  testUnless(noRoot, "a program of another user than the socket's is told nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "x");
    let heard = 0;
    const server = Bun.listen({ unix: path, socket: { data: (_, bytes) => void (heard += bytes.length) } });
    chownSync(path, 65_534, 65_534);
    await expect(askControl(path, "show")).rejects.toThrow("leads to another user's program");
    await Bun.sleep(20);
    expect(heard).toBe(0);
    server.stop(true);
    rmSync(folder, { recursive: true });
  });
});

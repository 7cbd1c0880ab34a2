/** What an application may be made of: pg, http, https, fetch, dgram and net, none of which knows of a simulation. */
import { createSocket } from "node:dgram";
import http from "node:http";
import { createServer, get } from "node:https";
import net, { connect } from "node:net";
import pg from "pg";
import { certificate } from "./certificate.ts";

/** Answers each query with one row, as PostgreSQL would (protocol 3.0, simple queries). */
export function database(): void {
  const message = (type: string, ...parts: readonly (number[] | string)[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message("Z", "I");
  net
    .createServer((socket) => {
      let started = false;
      socket.on("data", (data: Buffer) => {
        if (!started) socket.write(Buffer.concat([message("R", [0, 0, 0, 0]), ready]));
        else if (data[0] === 0x51) {
          const column = message(
            "T",
            [0, 1],
            "answer\0",
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0],
          );
          socket.write(
            Buffer.concat([column, message("D", [0, 1, 0, 0, 0, 2], "42"), message("C", "SELECT 1\0"), ready]),
          );
        }
        started = true;
      });
      socket.on("error", () => {});
    })
    .listen(5432);
}

/** Asks the database, and tells by HTTP. */
export function api(): void {
  const server = http.createServer((_, response) => {
    const client = new pg.Client({ host: "db", user: "u", database: "d" });
    client
      .connect()
      .then(() => client.query("select answer"))
      .then(({ rows }) => response.end(JSON.stringify(rows[0])))
      .catch((error) => response.writeHead(500).end(String(error)))
      .finally(() => client.end());
  });
  server.listen(80);
}

export const asked = async () => await (await fetch("http://api/")).json();

/** By a name that was taken from the module when this file was loaded. */
export const port = () =>
  new Promise<number | undefined>((resolve, reject) => {
    const socket = connect(80, "api", () => {
      resolve(socket.remotePort);
      socket.destroy();
    });
    socket.on("error", reject);
  });

/** HTTPS, and a service that tells the length of datagrams. */
export function secret(): void {
  createServer(certificate, (request, response) => response.end(`secret ${request.url}`)).listen(443);
  const socket = createSocket("udp4", (octets, { port, address }) => socket.send(`${octets.length}`, port, address));
  socket.bind(7);
}

export const told = () =>
  new Promise<string>((resolve, reject) => {
    get({ host: "secret", path: "/x", ca: certificate.cert, servername: "server" }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    }).on("error", reject);
  });

/** Asks until there is an answer: datagrams may be lost. */
export const measured = () =>
  new Promise<string>((resolve) => {
    const socket = createSocket("udp4", (octets) => {
      clearInterval(asking);
      socket.close();
      resolve(String(octets));
    });
    const asking = setInterval(() => socket.send("12345", 7, "secret"), 500);
  });

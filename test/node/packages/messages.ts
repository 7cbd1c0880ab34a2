/** Shells, mail and messages. What follows a comment "glue" is in docs/NODE.md. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import type { Duplex } from "node:stream";
import type { Case, Ground } from "./ground.ts";

interface Ssh {
  Client: new () => EventEmitter & {
    connect(options: object): void;
    exec(command: string, callback: (error: Error | undefined, stream: Duplex) => void): void;
    end(): void;
  };
  Server: new (options: object, listener: (client: EventEmitter) => void) => { injectSocket(socket: unknown): void };
}

type Accept = () => Duplex & { exit(code: number): void };

async function ssh2Case({ net, host, peer, load }: Ground): Promise<void> {
  const ssh = load<Ssh>("ssh2");
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2_048,
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const server = new ssh.Server({ hostKeys: [privateKey] }, (client) => {
    client.on("authentication", (login: { method: string; accept(): void; reject(): void }) =>
      login.method === "password" ? login.accept() : login.reject(),
    );
    client.on("session", (accept: () => EventEmitter) =>
      accept().on("exec", (open: Accept, _refuse: unknown, { command }: { command: string }) => {
        const stream = open();
        stream.write(`ran ${command}`);
        stream.exit(0);
        stream.end();
      }),
    );
    client.on("error", () => {});
  });
  // glue: ssh2 server
  const listener = net.createServer((socket) => server.injectSocket(socket));
  listener.listen(22);
  await once(listener, "listening");
  const client = new ssh.Client();
  // glue: ssh2 client
  client.connect({ sock: peer.connect(22, host), username: "u", password: "p" });
  await once(client, "ready");
  const stream = await new Promise<Duplex>((resolve, reject) =>
    client.exec("uptime", (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const [chunk] = await once(stream, "data");
  assert.equal(String(chunk), "ran uptime");
  client.end();
  await once(client, "close");
}

interface Mail {
  createTransport(options: object): {
    sendMail(mail: object): Promise<{ accepted: string[] }>;
    close(): void;
  };
}

interface SmtpServer {
  SMTPServer: new (options: object) => { server: EventEmitter; on(event: string, listener: () => void): void };
}

async function nodemailerCase({ net, host, peer, load, key, cert }: Ground): Promise<void> {
  const { createTransport } = load<Mail>("nodemailer");
  const { SMTPServer } = load<SmtpServer>("smtp-server");
  let heard = "";
  let secure: unknown;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH"],
    key,
    cert,
    disableReverseLookup: true,
    onData(stream: Duplex, session: { secure: boolean }, done: () => void) {
      secure = session.secure;
      stream.on("data", (chunk) => {
        heard += chunk;
      });
      stream.on("end", done);
    },
  });
  server.on("error", () => {});
  // glue: nodemailer server
  const listener = net.createServer((socket) => server.server.emit("connection", socket));
  listener.listen(25);
  await once(listener, "listening");
  const connection = peer.connect(25, host);
  await once(connection, "connect");
  type Give = (error: null, options: object) => void;
  const options = { requireTLS: true, tls: { ca: cert, servername: "server.example" } };
  // glue: nodemailer client
  const transport = createTransport({ ...options, getSocket: (_: object, give: Give) => give(null, { connection }) });
  const mail = { from: "a@a.example", to: "b@b.example", subject: "over our stack", text: "hello" };
  assert.deepEqual((await transport.sendMail(mail)).accepted, ["b@b.example"]);
  assert.match(heard, /^Subject: over our stack\r$/m);
  // By STARTTLS: both ends have put TLS on a connection that was in use.
  assert.equal(secure, true);
  transport.close();
}

interface Mqtt {
  MqttClient: new (
    stream: () => Duplex,
    options: object,
  ) => EventEmitter & {
    subscribeAsync(topic: string): Promise<unknown>;
    publishAsync(topic: string, message: string, options: object): Promise<unknown>;
    endAsync(): Promise<void>;
  };
}

interface AedesModule {
  Aedes: { createBroker(): Promise<{ handle(socket: unknown): void; close(done: () => void): void }> };
}

async function mqttCase({ net, host, peer, load }: Ground): Promise<void> {
  const { MqttClient } = load<Mqtt>("mqtt");
  const { Aedes } = load<AedesModule>("aedes/aedes.js");
  const broker = await Aedes.createBroker();
  // glue: mqtt server
  const listener = net.createServer((socket) => broker.handle(socket));
  listener.listen(1883);
  await once(listener, "listening");
  // glue: mqtt client
  const client = new MqttClient(() => peer.connect(1883, host), { clientId: "c" });
  await once(client, "connect");
  await client.subscribeAsync("a/#");
  const heard = once(client, "message");
  await client.publishAsync("a/b", "hello", { qos: 1 });
  const [topic, message] = await heard;
  assert.deepEqual([topic, String(message)], ["a/b", "hello"]);
  await client.endAsync();
  await new Promise<void>((resolve) => broker.close(resolve));
}

export const MESSAGES: readonly Case[] = [
  { name: "ssh2", run: ssh2Case },
  { name: "nodemailer", run: nodemailerCase },
  { name: "mqtt", run: mqttCase },
];

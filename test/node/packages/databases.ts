/** Databases. What follows a comment "glue" is in docs/NODE.md. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as toKernel } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Case, Ground } from "./ground.ts";

/** Serves on our stack what a real server serves on a Unix socket. */
async function relay({ net }: Ground, path: string): Promise<number> {
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    const server = toKernel({ path, allowHalfOpen: true });
    // Either end may be the one that breaks off.
    void Promise.allSettled([pipeline(socket, server), pipeline(server, socket)]);
  });
  listener.listen(0);
  await once(listener, "listening");
  return listener.address()!.port;
}

interface PgClient {
  connect(): Promise<void>;
  query(
    text: string | { text: string; values: unknown[] },
    values?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

async function pgCase(ground: Ground): Promise<void> {
  const { host, peer, load } = ground;
  const { Client, Pool } = load<{ Client: new (options: object) => PgClient; Pool: new (options: object) => PgClient }>(
    "pg",
  );
  const port = await relay(ground, ground.servers.postgres!);
  const login = { host, port, user: "postgres", database: "postgres" };
  // glue: pg client
  const client = new Client({ ...login, stream: () => new peer.Socket() });
  await client.connect();
  const { rows } = await client.query("select $1::int + 1 as sum, version() as version", [41]);
  assert.equal(rows[0]!.sum, 42);
  assert.match(String(rows[0]!.version), /^PostgreSQL/);
  const many = await client.query("select repeat('x', 1000) as x from generate_series(1, 2000)");
  assert.equal(many.rows.length, 2_000);
  await assert.rejects(client.query("select 1 / 0"), { code: "22012" });
  await client.end();
  const pool = new Pool({ ...login, max: 4, stream: () => new peer.Socket() });
  const squares = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((n) => pool.query("select $1::int * $1::int as square", [n])),
  );
  assert.deepEqual(
    squares.map((result) => result.rows[0]!.square),
    [1, 4, 9, 16, 25, 36],
  );
  await pool.end();
}

interface RedisClient {
  set(key: string, value: string): Promise<string>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  quit(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  publish(channel: string, message: string): Promise<number>;
  on(event: string, listener: (...args: string[]) => void): void;
}

async function ioredisCase(ground: Ground): Promise<void> {
  const { host, peer, load } = ground;
  const { Redis, AbstractConnector } = load<{
    Redis: new (options: object) => RedisClient;
    AbstractConnector: new (ms: number) => object;
  }>("ioredis");
  const port = await relay(ground, ground.servers.redis!);
  class Connector extends AbstractConnector {
    stream: unknown;
    constructor() {
      super(2_000);
    }
    // glue: ioredis client
    connect = async () => (this.stream = peer.connect(port, host));
  }
  const redis = new Redis({ Connector });
  assert.equal(await redis.set("key", "value"), "OK");
  assert.equal(await redis.get("key"), "value");
  await redis.set("count", "0");
  const counts = await Promise.all(Array.from({ length: 200 }, () => redis.incr("count")));
  assert.equal(counts.at(-1), 200);
  const listener = new Redis({ Connector });
  const heard = new Promise<string>((resolve) => listener.on("message", (_channel, message) => resolve(message!)));
  await listener.subscribe("news");
  await redis.publish("news", "hello");
  assert.equal(await heard, "hello");
  await Promise.all([redis.quit(), listener.quit()]);
}

interface MySqlConnection {
  serverHandshake(options: object): void;
  on(event: string, listener: (...args: never[]) => void): void;
  writeTextResult(rows: object[], columns: object[]): void;
  query(sql: string, callback: (error: Error | null, rows: Row[]) => void): void;
  execute(sql: string, values: unknown[], callback: (error: Error | null, rows: Row[]) => void): void;
  end(callback: () => void): void;
}

type Row = Record<string, unknown>;

interface MySql {
  createServer(): {
    on(event: string, listener: (connection: MySqlConnection) => void): void;
    _server: NodeJS.EventEmitter;
  };
  createConnection(options: object): MySqlConnection;
}

/** The rows of a query, or of a prepared statement with values. */
function rowsOf(connection: MySqlConnection, sql: string, values?: unknown[]): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, rows: Row[]) => (error === null ? resolve(rows) : reject(error));
    if (values === undefined) connection.query(sql, done);
    else connection.execute(sql, values, done);
  });
}

async function mysqlCase(ground: Ground): Promise<void> {
  const { host, peer, load } = ground;
  const mysql = load<MySql>("mysql2");
  const port = await relay(ground, ground.servers.mariadb!);
  // glue: mysql2 client
  const connection = mysql.createConnection({ user: "root", stream: () => peer.connect(port, host) });
  const [row] = await rowsOf(connection, "select ? + 1 as sum, version() as version", [41]);
  assert.equal(Number(row!.sum), 42);
  assert.match(String(row!.version), /MariaDB/);
  const numbers = "with recursive n as (select 1 as i union all select i + 1 from n where i < 900)";
  const many = await rowsOf(connection, `${numbers} select repeat('x', 2000) as x from n`);
  assert.equal(many.length, 900);
  await assert.rejects(rowsOf(connection, "select nonsense"), { code: "ER_BAD_FIELD_ERROR" });
  await new Promise<void>((resolve) => connection.end(resolve));
  await ownServer(ground);
}

/** The package's server answers every question in the same way. */
async function ownServer({ net, host, peer, load }: Ground): Promise<void> {
  const mysql = load<MySql>("mysql2");
  const server = mysql.createServer();
  server.on("connection", (connection) => {
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "test",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 8,
      capabilityFlags: 0xffffff ^ 0x800,
    });
    connection.on("query", (sql: never) => {
      const column = { catalog: "def", schema: "t", table: "t", orgTable: "t", name: "answer", orgName: "answer" };
      const type = { characterSet: 33, columnLength: 384, columnType: 253, flags: 0, decimals: 0 };
      connection.writeTextResult([{ answer: `you asked: ${sql}` }], [{ ...column, ...type }]);
    });
    connection.on("error", () => {});
  });
  // glue: mysql2 server
  const listener = net.createServer((socket) => server._server.emit("connection", socket));
  listener.listen(0);
  await once(listener, "listening");
  const { port } = listener.address()!;
  const connection = mysql.createConnection({ user: "u", stream: () => peer.connect(port, host) });
  const rows = await rowsOf(connection, "select 1");
  assert.equal(rows[0]!.answer, "you asked: select 1");
  await new Promise<void>((resolve) => connection.end(resolve));
}

export const DATABASES: readonly Case[] = [
  { name: "pg", needs: "postgres", run: pgCase },
  { name: "ioredis", needs: "redis", run: ioredisCase },
  { name: "mysql2", needs: "mariadb", run: mysqlCase },
];

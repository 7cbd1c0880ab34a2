/** TLS, HTTPS and HTTP/2 in virtual time. */
import { testProgram } from "./programs.ts";

testProgram("tls.ts", "TLS, HTTPS and HTTP/2 run between hosts, deterministically and in no virtual time of their own");

import { trySeeds } from "./swarm/try-seeds.ts";

trySeeds(151, 400);

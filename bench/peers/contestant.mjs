// The bench's side of a contestant: its process, and one question at a time.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Libraries that read them start no second thread. */
const oneThread = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

export class Contestant {
  #process;
  #lines;
  #errors = "";

  static async start(name, command, args) {
    const contestant = new Contestant(name, command, args);
    contestant.info = await contestant.ask("info");
    return contestant;
  }

  constructor(name, command, args) {
    this.name = name;
    this.#process = spawn(command, args, { env: { ...process.env, ...oneThread }, stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stderr.on("data", (text) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async ask(op, request = {}) {
    this.#process.stdin.write(`${JSON.stringify({ op, ...request })}\n`);
    for (;;) {
      const { value: line, done } = await this.#lines.next();
      if (done) throw new Error(`${this.name} ended while it was asked for "${op}"\n${this.#errors}`);
      // A library may greet on stdout; answers are JSON objects.
      if (!line.startsWith("{")) continue;
      const answer = JSON.parse(line);
      if (answer.failed) throw new Error(`${this.name} failed at "${op}" ${JSON.stringify(request)}\n${answer.failed}`);
      return answer;
    }
  }

  /** Ends only the process started here. */
  stop() {
    this.#process.stdin.end();
  }
}

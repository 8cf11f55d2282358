// One answer on its way: it asks the server, and writes what comes into a message of the conversation.
import { chat } from "./server.mjs";
import { Runs } from "./runs.mjs";

const now = () => performance.now();

export class Answer {
  /** body is the request; node the message to write; changed is called after every chunk. */
  constructor(node, body, changed) {
    this.node = node;
    this.body = body;
    this.changed = changed;
    this.abort = new AbortController();
    this.runs = new Runs();
    this.thoughts = new Runs();
    this.began = 0; // when the first token came, and how many came with it
    this.first = 0;
    this.last = 0;
    Object.assign(node, { state: "streaming", content: "", error: undefined });
  }

  stop() {
    this.abort.abort();
  }

  /** Tokens, tokens a second after the first, and the share of tokens that the head drafted. */
  live() {
    const tokens = this.runs.tokens + this.thoughts.tokens;
    const seconds = (this.last - this.began) / 1000;
    return {
      tokens,
      rate: seconds > 0.05 ? (tokens - this.first) / seconds : 0,
      drafted: tokens ? (this.runs.drafted + this.thoughts.drafted) / tokens : 0,
    };
  }

  /** Runs to the end. The error that ended it is returned, or null; the message's state says the same. */
  async run() {
    const { node } = this;
    let failure = null;
    const asked = now();
    try {
      await chat(this.body, { signal: this.abort.signal, on: (chunk) => this.#take(chunk) });
      if (node.state === "streaming") node.state = "done";
    } catch (e) {
      if (e.name === "AbortError") {
        node.state = "stopped";
      } else {
        node.state = "error";
        node.error = e.message;
        failure = e;
      }
    }
    if (!node.stats && this.began) {
      const { tokens, rate } = this.live();
      node.stats = { tokens, prompt: 0, cached: 0, rate, first: (this.began - asked) / 1000, seconds: (now() - asked) / 1000, cycles: 0, drafted: [], accepted: [] };
    }
    node.runs = this.runs.list;
    if (this.thoughts.length) node.thoughtRuns = this.thoughts.list;
    return failure;
  }

  #take(chunk) {
    const { node } = this;
    const choice = chunk.choices?.[0];
    if (choice) {
      const { content, reasoning_content: reasoning } = choice.delta ?? {};
      if (reasoning) {
        node.reasoning = (node.reasoning ?? "") + reasoning;
        this.thoughts.add(reasoning, choice.mtplx);
      }
      if (content) {
        node.content += content;
        this.runs.add(content, choice.mtplx);
      }
      if (content || reasoning) {
        this.last = now();
        if (!this.began) {
          this.began = this.last;
          this.first = this.runs.tokens + this.thoughts.tokens;
        }
      }
      if (choice.finish_reason === "length") node.state = "length";
    }
    if (chunk.usage) {
      const t = chunk.timings ?? {};
      const m = chunk.mtplx ?? {};
      node.stats = {
        tokens: chunk.usage.completion_tokens,
        prompt: chunk.usage.prompt_tokens,
        cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
        rate: t.predicted_per_second ?? 0,
        first: (t.prompt_ms ?? 0) / 1000,
        seconds: ((t.prompt_ms ?? 0) + (t.predicted_ms ?? 0)) / 1000,
        cycles: m.cycles ?? 0,
        drafted: m.drafted_by_depth ?? [],
        accepted: m.accepted_by_depth ?? [],
      };
    }
    this.changed(node);
  }
}

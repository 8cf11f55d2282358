// The server's routes, as the page uses them. Failures carry a sentence for the reader.
import { Events } from "./sse.mjs";

/** A request that failed. kind: "gone" (no server), "key" (a key is wanted), "busy" (try later), "refused", "broken". */
export class ServerError extends Error {
  constructor(kind, message, { status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const keyName = "mtplx.key"; // in sessionStorage: it goes with the tab

export function key() {
  try {
    return sessionStorage.getItem(keyName) ?? "";
  } catch {
    return "";
  }
}

export function setKey(value) {
  try {
    if (value) sessionStorage.setItem(keyName, value);
    else sessionStorage.removeItem(keyName);
  } catch {
    // Storage is switched off: the key is asked for again.
  }
}

async function send(path, options = {}) {
  const headers = { ...options.headers };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  let res;
  try {
    res = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ServerError("gone", "The server cannot be reached. Is mtplx still running?");
  }
  if (res.ok) return res;
  let message = "";
  try {
    message = (await res.json())?.error?.message ?? "";
  } catch {
    // No JSON: a proxy has answered.
  }
  const retryAfter = Number(res.headers.get("Retry-After")) || 0;
  const kind = res.status === 401 ? "key" : res.status === 429 || res.status === 503 || res.status === 409 ? "busy" : res.status >= 500 ? "broken" : "refused";
  throw new ServerError(kind, sentence(message || `The server answered ${res.status} ${res.statusText}`), { status: res.status, retryAfter });
}

/** Makes a message a sentence. */
export function sentence(s) {
  const text = s.trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : begun + ".";
}

export async function snapshot(signal) {
  return (await send("/v1/mtplx/snapshot", { signal })).json();
}

/** Whether a server answers at all. */
export async function alive(signal) {
  try {
    return (await fetch("/health/live", { signal, cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/**
 * Streams an answer. on(chunk) gets each parsed chunk. It returns when the answer has ended, and throws an AbortError
 * or a ServerError otherwise; a stream that ends without its end mark has been cut off.
 */
export async function chat(body, { signal, on }) {
  const res = await send("/v1/chat/completions", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "mtplx", stream: true, stream_options: { include_usage: true, include_mtplx: true }, ...body }),
  });
  const events = new Events();
  const decoder = new TextDecoder();
  const reader = res.body.getReader();
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (e) {
      if (e.name === "AbortError") throw e;
      throw new ServerError("gone", "The connection broke before the answer was complete.");
    }
    if (part.done) throw new ServerError("gone", "The connection ended before the answer was complete.");
    for (const data of events.push(decoder.decode(part.value, { stream: true }))) {
      if (data === "[DONE]") {
        await reader.cancel();
        return;
      }
      let chunk;
      try {
        chunk = JSON.parse(data);
      } catch {
        throw new ServerError("broken", "The server sent something that is not JSON.");
      }
      if (chunk.error) throw new ServerError("broken", sentence(chunk.error.message ?? "The answer failed"));
      on(chunk);
    }
  }
}

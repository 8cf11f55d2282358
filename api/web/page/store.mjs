// Conversations, kept in this browser's IndexedDB. Where there is none (some private windows), they live as long as the
// page, and `lasting` is false.
import { readConversation } from "./tree.mjs";

const database = "mtplx";
const table = "conversations";

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export async function openStore() {
  try {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: "id" });
    return new Store(await done(request));
  } catch {
    return new Store(null);
  }
}

class Store {
  constructor(db) {
    this.db = db;
    this.memory = new Map();
    this.lasting = db !== null;
    this.channel = typeof BroadcastChannel === "function" ? new BroadcastChannel("mtplx") : null;
  }

  /** Calls f when another tab has changed a conversation. */
  onChange(f) {
    if (this.channel) this.channel.onmessage = (e) => f(e.data);
  }

  #table(mode) {
    return this.db.transaction(table, mode).objectStore(table);
  }

  /** Every conversation, newest first. One that cannot be read is left where it is and not shown. */
  async all() {
    const raw = this.db ? await done(this.#table("readonly").getAll()) : [...this.memory.values()];
    const list = [];
    for (const r of raw) {
      try {
        list.push(readConversation(r));
      } catch {
        continue;
      }
    }
    return list.sort((a, b) => b.updated - a.updated);
  }

  async get(id) {
    const raw = this.db ? await done(this.#table("readonly").get(id)) : this.memory.get(id);
    return raw ? readConversation(raw) : null;
  }

  async put(conv) {
    const copy = structuredClone(conv);
    if (this.db) await done(this.#table("readwrite").put(copy));
    else this.memory.set(conv.id, copy);
    this.channel?.postMessage(conv.id);
  }

  async remove(id) {
    if (this.db) await done(this.#table("readwrite").delete(id));
    else this.memory.delete(id);
    this.channel?.postMessage(id);
  }
}

import { $, icon } from "./dom.mjs";
import { alive } from "./server.mjs";

/** Watches whether the server is there, and shows a line while it is not. */
export class Connection {
  /** back is called when it has come back; say tells those who listen. */
  constructor({ back, say }) {
    this.back = back;
    this.say = say;
    this.gone = false;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.check());
    window.addEventListener("online", () => this.check());
    this.#later();
  }

  lost() {
    if (this.gone) return;
    this.gone = true;
    $("banner").replaceChildren(icon("warn"), "The server cannot be reached. Trying again until it is back.");
    $("banner").hidden = false;
    this.#later();
  }

  async check() {
    clearTimeout(this.timer);
    const there = await alive(AbortSignal.timeout(5000));
    if (!there) {
      this.lost();
    } else if (this.gone) {
      this.gone = false;
      $("banner").hidden = true;
      this.say("The server is back.");
      this.back();
    }
    this.#later();
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), this.gone ? 1000 : 15000);
  }
}

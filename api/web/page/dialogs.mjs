import { $, h } from "./dom.mjs";
import { setKey } from "./server.mjs";

// open shows the page's dialog and resolves with what its form was submitted with, or null.
function open(form) {
  const dialog = $("ask");
  dialog.replaceChildren(form);
  const title = form.querySelector("h2");
  title.id = "ask-title";
  dialog.setAttribute("aria-labelledby", "ask-title");
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
    dialog.showModal();
  });
}

let asking = null;

/** Asks for an API key, once however many ask. Resolves with whether one was given. */
export function askKey(wrong) {
  asking ??= (async () => {
    const field = h("input.field", { type: "password", id: "key", autocomplete: "off", required: true, autofocus: true });
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", {}, wrong ? "That key is not one of this server’s" : "This server wants an API key"),
      h("p", {}, "It is what mtplx serve was started with: MTPLX_AUTH, --api-key or --api-key-file. It is kept until this tab is closed."),
      h("label", { for: "key" }, "API key"),
      field,
      h("div.buttons", {}, h("button.plain", { type: "button", onclick: () => $("ask").close() }, "Not now"), h("button.solid", { value: "ok" }, "Use this key")),
    );
    const answer = await open(form);
    asking = null;
    if (answer !== "ok") return false;
    setKey(field.value.trim());
    return true;
  })();
  return asking;
}

/** Asks a question that is answered by doing it or not. */
export async function confirm(title, text, action) {
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, title),
    h("p", {}, text),
    h("div.buttons", {}, h("button.plain", { type: "button", onclick: () => $("ask").close() }, "Cancel"), h("button.solid", { value: "ok", autofocus: true }, action)),
  );
  return (await open(form)) === "ok";
}

/** Tells something that must be read. */
export function tell(title, text) {
  return open(h("form", { method: "dialog" }, h("h2", {}, title), h("p", {}, text), h("div.buttons", {}, h("button.solid", { value: "ok", autofocus: true }, "Close"))));
}

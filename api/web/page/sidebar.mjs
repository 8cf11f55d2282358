import { $, h, iconButton } from "./dom.mjs";

/** The list of conversations: open, rename, delete. */
export class Sidebar {
  constructor({ open, rename, remove }) {
    this.on = { open, rename, remove };
    this.renaming = null;
  }

  draw(list, current) {
    this.list = list;
    this.current = current;
    const focused = document.activeElement?.closest?.("#list li")?.dataset.id;
    const inOpen = document.activeElement?.classList.contains("open");
    $("list").replaceChildren(...list.filter((c) => Object.keys(c.nodes).length > 0).map((c) => this.#row(c)));
    if (focused && inOpen) this.focus(focused);
  }

  focus(id) {
    $("list").querySelector(`li[data-id="${CSS.escape(id)}"] .open`)?.focus();
  }

  #row(conv) {
    const current = conv.id === this.current;
    const title = conv.title || "Untitled";
    const li = h(current ? "li.current" : "li", { "data-id": conv.id });
    if (this.renaming === conv.id) {
      li.append(this.#editor(conv));
      return li;
    }
    li.append(
      h("button.open", { type: "button", "aria-current": current ? "true" : null, title, onclick: () => this.on.open(conv.id) }, h("span", {}, title)),
      h(
        "div.tools",
        {},
        iconButton("edit", `Rename “${title}”`, () => {
          this.renaming = conv.id;
          this.draw(this.list, this.current);
          const field = $("list").querySelector(".rename");
          field.focus();
          field.select();
        }),
        iconButton("trash", `Delete “${title}”`, () => this.on.remove(conv)),
      ),
    );
    return li;
  }

  #editor(conv) {
    let over = false;
    const end = (keep) => {
      if (over) return;
      over = true;
      this.renaming = null;
      const title = field.value.trim().slice(0, 200);
      if (keep && title && title !== conv.title) this.on.rename(conv, title);
      this.draw(this.list, this.current);
      this.focus(conv.id);
    };
    const field = h("input.field.rename", {
      value: conv.title,
      "aria-label": "Title of the conversation",
      onkeydown: (e) => {
        if (e.key === "Enter") end(true);
        if (e.key === "Escape") {
          e.stopPropagation();
          end(false);
        }
      },
      onblur: () => end(true),
    });
    return field;
  }
}

import { icon } from "./dom.mjs";

const order = ["auto", "light", "dark"];
const says = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const icons = { auto: "auto", light: "sun", dark: "moon" };

function stored() {
  try {
    const t = localStorage.getItem("mtplx.theme");
    return order.includes(t) ? t : "auto";
  } catch {
    return "auto";
  }
}

/** Makes a button switch between the system's theme, light and dark. */
export function themeButton(button) {
  let theme = stored();
  const draw = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.replaceChildren(icon(icons[theme]));
    button.setAttribute("aria-label", says[theme]);
    button.title = says[theme];
  };
  button.addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try {
      localStorage.setItem("mtplx.theme", theme);
    } catch {
      // It lasts as long as the page.
    }
    draw();
  });
  draw();
}

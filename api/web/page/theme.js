// Runs before the page is drawn, so that it does not flash in the other theme. "auto" follows the system.
(function () {
  var theme = "auto";
  try {
    theme = localStorage.getItem("mtplx.theme") || "auto";
  } catch (e) {
    // Storage is switched off.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();

"use strict";
// Comfort only: the page says the same without it. Texts get into the page as text, never as markup.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const save = document.getElementById("save");
  const data = document.getElementById("data");

  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  if (data) {
    save.hidden = false;
    save.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([data.textContent], { type: "application/json" }));
      link.download = "beacon-report.json";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const shape of document.querySelectorAll(".chart .bar, .chart .dot, .chart .tokens, .chart .cost-line")) {
    const title = shape.querySelector("title");
    shape.dataset.tip = title.textContent;
    shape.setAttribute("aria-label", title.textContent);
    title.remove(); // else the browser shows its own one, too
  }
  document.addEventListener("pointermove", (event) => {
    const shape = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    tip.hidden = !shape;
    if (!shape) return;
    tip.textContent = shape.dataset.tip;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8))}px`;
  });
})();

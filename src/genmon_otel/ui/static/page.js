// Keys, copying, and the reload after a job. Everything else works without scripts.
(() => {
  "use strict";
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const each of all("[hidden][data-help], [hidden][data-copy]")) each.hidden = false;

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy);
      copy.textContent = "copied";
    }
    if (event.target.closest("[data-help]")) document.getElementById("keys").showModal();
  });

  const move = (step) => {
    const links = all("[data-row] a.handle");
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    links[Math.max(0, Math.min(links.length - 1, next))].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "?") document.getElementById("keys").showModal();
    else if (event.key === "/" && document.querySelector("[data-search]")) document.querySelector("[data-search]").focus();
    else if (button) button.matches("a") ? button.click() : button.focus();
    else return;
    event.preventDefault();
  });

  document.addEventListener("htmx:sseError", (event) => {
    const place = event.target.querySelector("[sse-swap]");
    if (!place || place.querySelector(".problem")) return;
    const said = document.createElement("p");
    said.className = "problem";
    said.textContent = "The server does not answer. Nothing was decided: start it again, open the link that it prints, and ask again.";
    place.append(said);
  });

  document.addEventListener("htmx:sseClose", () => location.reload());
})();

// A session step by step: the slider, the arrow keys, and the chosen step in sight.
function showSteps(root) {
  for (const range of root.querySelectorAll("input[data-choose]")) range.hidden = false;
  const chosen = root.querySelector("[aria-current='step']")?.closest("li");
  const list = chosen?.closest(".steps-scroll");
  if (!list) return;
  const [is, sees] = [chosen.getBoundingClientRect(), list.getBoundingClientRect()];
  list.scrollTop += Math.min(is.top - sees.top, 0) || Math.max(is.bottom - sees.bottom, 0); // the list, not the page
}
showSteps(document);
document.addEventListener("htmx:afterSettle", () => showSteps(document));
document.addEventListener("change", (event) => {
  const links = document.getElementById(event.target.dataset?.choose ?? "")?.querySelectorAll("a[href]");
  links?.[event.target.value - 1]?.click();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
  const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  if (!link) return;
  event.preventDefault();
  link.click();
});

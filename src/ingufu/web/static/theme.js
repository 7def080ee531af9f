// Runs before the first paint: a chosen theme is set at once, "auto" is left to the style sheet.
try {
  const theme = localStorage.getItem("ingufu-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage is forbidden: the system's theme stays
}

// What is opened is remembered for the search (palette.js): addresses alone, which the server names to who may see them.
try {
  const here = location.pathname;
  if (/^\/console\/[a-z-]+\/[0-9a-f]{8}-[0-9a-f-]{27}$/.test(here)) {
    const known = [].concat(JSON.parse(localStorage.getItem("ingufu-opened") ?? "[]"));
    localStorage.setItem("ingufu-opened", JSON.stringify([here, ...known.filter((path) => path !== here)].slice(0, 8)));
  }
} catch {
  // storage is forbidden, or holds what is not ours: nothing is remembered
}
